"""Between tensors and bytes: JSON examples, serialised tensors, fingerprints, compressed strings, files that are written."""
import base64
import gzip
import json
import zlib

import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, i64, raw


def text(*values):
    return np.array(values, dtype=object)


def one(value):
    return np.array(value, dtype=object)


def example(key, kind, values):
    return json.dumps({"features": {"feature": {key: {kind: {"value": values}}}}})


def base(*values):
    return [base64.b64encode(v).decode() for v in values]


# No result may end in a zero byte, which .npy drops: so none of an empty message.
add("DecodeJSONExample_lists", raw("DecodeJSONExample"), text(
    example("x", "floatList", [1.5, -2, 1e-3, "NaN", "Infinity", "-Infinity", "2.5"]), example("x", "float_list", [0.5]),
    example("i", "int64List", [1, -1, "9223372036854775807", -9223372036854775808, 3.0, "12"]),
    example("s", "bytesList", base(b"abc", b"", b"\xff\xfe")), example("s", "bytes_list", base(b"a" * 200)),
    "{}", '{"features": null}',
    ' { "features" : { "feature" : { "\\u00e9" : { "int64List" : { "value" : [ 300 ] } } } } } '))
add("DecodeJSONExample_matrix", raw("DecodeJSONExample"), text(*["{}"] * 4).reshape(2, 2))
add("DecodeJSONExample_scalar", raw("DecodeJSONExample"), one(example("x", "floatList", [1, 2])))
add("DecodeJSONExample_empty", raw("DecodeJSONExample"), np.array([], dtype=object))



def ended(serialized):
    """With a last byte that is not 0: NumPy's strings drop zeros at the end."""
    return tf.strings.join([serialized, "."])


for t in DTYPES:
    add(f"SerializeTensor_{t}", lambda x: ended(tf.raw_ops.SerializeTensor(tensor=x)), draw(t, (2, 3)))
for name, value in {"scalar": np.float32(2), "empty": np.zeros((0, 3), np.int64), "text": text("a", "", "x" * 300)}.items():
    add(f"SerializeTensor_{name}", lambda x: ended(tf.raw_ops.SerializeTensor(tensor=x)), value)
add("SerializeTensor_parsed", lambda x: tf.raw_ops.ParseTensor(serialized=tf.raw_ops.SerializeTensor(tensor=x), out_type=tf.float32), f32(3, 4))
for t in ("f32", "i64", "u8", "c64"):
    add(f"Fingerprint_{t}", lambda x: tf.raw_ops.Fingerprint(data=x, method="farmhash64"), draw(t, (4, 2, 3)))
add("Fingerprint_text", lambda x: tf.raw_ops.Fingerprint(data=x, method="farmhash64"), text("a", "", "hello world", "x" * 100))
add("Fingerprint_texts", lambda x: tf.raw_ops.Fingerprint(data=x, method="farmhash64"), text("a", "b", "", "c").reshape(2, 2))
add("Fingerprint_empty", lambda x: tf.raw_ops.Fingerprint(data=x, method="farmhash64"), np.zeros((0, 3), np.float32))
PLAIN = b"to be or not to be, " * 40
for kind, pack in (("", lambda b: b), ("ZLIB", zlib.compress), ("GZIP", gzip.compress)):
    add(f"DecodeCompressed_{kind}", lambda x, k=kind: tf.raw_ops.DecodeCompressed(bytes=tf.io.decode_base64(x), compression_type=k), text(*(base64.urlsafe_b64encode(pack(b)).decode().rstrip("=") for b in (PLAIN, b"x"))))
for channels in (1, 2):
    add(f"EncodeWav_{channels}", raw("EncodeWav"), f32(50, channels, low=-1.2, high=1.2), i32(8000))
add("EncodeWav_steps", raw("EncodeWav"), (np.arange(-8, 9, dtype=np.float32) / 8 * 1.0001)[:, None], i32(44100))

# Files come out as other bytes where the libraries differ; what they hold is compared.
for channels in (1, 2, 3, 4):
    for t in ("u8", "u16"):
        back = channels if channels != 2 else 4
        add(f"EncodePng_{t}_{channels}", lambda x, n=back, t=t: tf.raw_ops.DecodePng(contents=tf.raw_ops.EncodePng(image=x), channels=n, dtype=tf.as_dtype(DTYPES[t])), draw(t, (7, 9, channels), 0, 255 if t == "u8" else 65535))
add("EncodePng_batch", lambda x: tf.shape(tf.raw_ops.EncodePng(image=x, compression=0)), draw("u8", (2, 3, 7, 9, 3), 0, 255))
SMOOTH = (np.add.outer(np.arange(24) * 5, np.arange(32) * 3)[..., None] + np.array([0, 20, 40])).astype(np.uint8)
for name, options in (("plain", {}), ("fine", {"quality": 100, "chroma_downsampling": False}), ("coarse", {"quality": 20}), ("progressive", {"progressive": True, "optimize_size": True, "density_unit": "cm"}), ("rgb", {"format": "rgb"})):
    add(f"EncodeJpeg_{name}", lambda x, o=options: tf.raw_ops.DecodeJpeg(contents=tf.raw_ops.EncodeJpeg(image=x, **o)), SMOOTH)
add("EncodeJpeg_grey", lambda x: tf.raw_ops.DecodeJpeg(contents=tf.raw_ops.EncodeJpeg(image=x)), SMOOTH[..., :1])
add("EncodeJpegVariableQuality", lambda x, q: tf.raw_ops.DecodeJpeg(contents=tf.raw_ops.EncodeJpegVariableQuality(images=x, quality=q)), SMOOTH, i32(60))
