"""Runs a model on latents by ONNX Runtime and writes the pictures: python3 onnx_runtime.py MODEL LATENTS N PICTURES (raw f32)."""
import sys
import numpy as np
import onnxruntime

model, latents, n, pictures = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.log_severity_level = 2
session = onnxruntime.InferenceSession(model, options, providers=['CPUExecutionProvider'])
z = np.fromfile(latents, np.float32).reshape(int(n), -1)
session.run(['picture'], {'latent': z})[0].tofile(pictures)
