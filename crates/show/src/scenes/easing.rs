//! How a control gets from one value to another.

use mirror::live::{ControlDescription, Range, Value};

/// A number on its way.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Easing {
    from: f64,
    to: f64,
    is_whole: bool,
    /// What was set last: whoever set something else meanwhile has the control.
    pub last: Option<Value>,
    /// Whether the control is released at the end.
    pub releases: bool,
}

impl Easing {
    /// From what is set now to what is wanted (`None`: to be released); `None` for controls that change at once.
    pub fn new(control: &ControlDescription, now: Option<&Value>, wanted: Option<&Value>) -> Option<Self> {
        // Where nothing is set.
        let (rest, is_whole) = match (control.name.as_str(), &control.range) {
            ("dim", _) => (Some(0.0), false),
            (_, Range::Whole { to, .. }) => (Some(f64::from(*to)), true),
            (_, Range::Number { .. }) => (None, false),
            (_, Range::Switch | Range::Word { .. }) => return None,
        };
        let number = |value: Option<&Value>| match value {
            Some(Value::Number(number)) => Some(*number),
            Some(_) => None,
            None => rest,
        };
        let (from, to) = (number(now)?, number(wanted)?);
        (from != to).then(|| Self { from, to, is_whole, last: now.cloned(), releases: wanted.is_none() })
    }

    /// The value when so much of the time is over, 0 to 1.
    pub fn value(&self, share: f64) -> Value {
        let value = self.from + share.clamp(0.0, 1.0) * (self.to - self.from);
        Value::Number(if self.is_whole { value.round() } else { value })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn control(name: &str, range: Range) -> ControlDescription {
        ControlDescription { name: name.into(), range, about: "" }
    }

    #[test]
    fn numbers_are_reached_over_time_and_all_else_at_once() {
        let dim = control("dim", Range::Number { from: 0.0, to: 1.0 });
        let half = Value::Number(0.5);
        let easing = Easing::new(&dim, None, Some(&half)).unwrap();
        assert_eq!([0.0, 0.5, 1.0, 9.0].map(|share| easing.value(share)), [0.0, 0.25, 0.5, 0.5].map(Value::Number));
        let back = Easing::new(&dim, Some(&half), None).unwrap();
        assert_eq!((back.value(1.0), back.releases), (Value::Number(0.0), true));
        let features = control("features", Range::Whole { from: 0, to: 96 });
        let few = Easing::new(&features, None, Some(&Value::Number(5.0))).unwrap();
        assert_eq!((few.value(0.0), few.value(0.333)), (Value::Number(96.0), Value::Number(66.0)));
        // An age that nobody has set comes from the viewer: there is no way from there.
        let age = control("override/age", Range::Number { from: 1.0, to: 100.0 });
        assert_eq!(Easing::new(&age, None, Some(&Value::Number(30.0))), None);
        assert!(Easing::new(&age, Some(&Value::Number(60.0)), Some(&Value::Number(30.0))).is_some());
        assert_eq!(Easing::new(&dim, Some(&half), Some(&half)), None);
        assert_eq!(Easing::new(&control("hold", Range::Switch), None, Some(&Value::Switch(true))), None);
    }
}
