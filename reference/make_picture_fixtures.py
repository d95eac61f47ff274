"""Makes testdata/pictures: the same little picture as phones, the web and scanners store it, held in all eight ways.

Needs pillow (13) and pillow-heif (1.8):  python3 reference/make_picture_fixtures.py

Upright, every picture is 48 pixels wide and 32 high: its quarters are red, green (above), blue, yellow (below).
`heic-N`, `avif-N`, `tiff-N` and `jpeg-N` store it for the EXIF orientation N (1 to 8).
"""

from pathlib import Path

import pillow_heif
from PIL import Image, ImageOps

OUT = Path(__file__).resolve().parent.parent / "testdata" / "pictures"
ORIENTATION = 0x0112
RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 180, 30), (30, 30, 220), (220, 220, 30)

# What undoes the turning that a reader does for each orientation.
STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def upright() -> Image.Image:
    picture = Image.new("RGB", (48, 32), RED)
    for colour, corner in ((GREEN, (24, 0)), (BLUE, (0, 16)), (YELLOW, (24, 16))):
        picture.paste(colour, (*corner, corner[0] + 24, corner[1] + 16))
    return picture


def main() -> None:
    pillow_heif.register_heif_opener()
    OUT.mkdir(parents=True, exist_ok=True)
    for number, stored in STORED.items():
        picture = upright() if stored is None else upright().transpose(stored)
        exif = Image.Exif()
        exif[ORIENTATION] = number
        assert ImageOps.exif_transpose(with_exif(picture, exif)).size == (48, 32)
        # Both turn the orientation into the boxes `irot` and `imir`.
        picture.save(OUT / f"heic-{number}.heic", quality=90, exif=exif.tobytes())
        picture.save(OUT / f"avif-{number}.avif", quality=90, exif=exif.tobytes())
        picture.save(OUT / f"jpeg-{number}.jpg", quality=90, subsampling=0, exif=exif.tobytes())
        picture.save(OUT / f"tiff-{number}.tif", compression="tiff_lzw", tiffinfo={ORIENTATION: number})


def with_exif(picture: Image.Image, exif: Image.Exif) -> Image.Image:
    copy = picture.copy()
    copy.getexif()[ORIENTATION] = exif[ORIENTATION]
    return copy


if __name__ == "__main__":
    main()
