"""Ops that run on the host: strings, files of images and sound, random numbers, Fourier transforms, CTC, tables."""
import struct

import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, i64, raw, rng


def text(*values):
    return np.array(values, dtype=object)


def one(value):
    return np.array(value, dtype=object)


# Strings.
for d in (",", ",;", ""):
    for skip in (True, False):
        add(f"StringSplit_{'_'.join(str(ord(c)) for c in d)}_{skip}", lambda x, d=d, s=skip: list(tf.raw_ops.StringSplit(input=x, delimiter=d, skip_empty=s)), text("", ",a,,b,", "x;y,z"))
for d in ("", ",", "ab"):
    for most in (-1, 0, 1, 2):
        add(f"StringSplitV2_{d.encode().hex()}_{most}", lambda x, d=d, m=most: list(tf.raw_ops.StringSplitV2(input=x, sep=d, maxsplit=m)), text("", " a,  b cab,d  ", ",a,,b,", "  "))
for axes in ([], [0], [1], [0, 1], [1, 0], [-1]):
    for keep in (True, False):
        add(f"ReduceJoin_{'_'.join(map(str, axes))}_{keep}", lambda x, a=axes, k=keep: tf.raw_ops.ReduceJoin(inputs=x, reduction_indices=np.array(a, np.int32), keep_dims=k, separator="-"), np.array([["a", "b", "c"], ["d", "", "f"]], dtype=object))
for key, x in {"scalar": np.float32(0.1), "third": np.float32(1 / 3), "double": np.float64(1 / 3), "long": i32(range(20)), "matrix": i32(np.arange(100).reshape(10, 10)), "cube": i32(np.arange(64).reshape(4, 4, 4)), "bool": np.array([True, False]), "text": one('a"b\n')}.items():
    for edge in (3, 1, -1):
        add(f"StringFormat_{key}_{edge}", lambda x, e=edge: tf.raw_ops.StringFormat(inputs=[x], template="<{}>", placeholder="{}", summarize=e), x)
WORDS = text("Hello", "wor ld", "", "12", "-3.5e2", "a text of more than sixteen bytes", "x" * 70)
for op in ("StringToHashBucket", "StringToHashBucketFast"):
    add(op, raw(op, num_buckets=1 << 40), WORDS)
add("StringToHashBucketStrong", raw("StringToHashBucketStrong", num_buckets=1 << 40, key=[123, -7]), WORDS)
for every in (True, False):
    add(f"RegexReplace_{every}", lambda x, e=every: tf.raw_ops.RegexReplace(input=x, pattern="[0-9l]+", rewrite="#", replace_global=e), WORDS)
    add(f"StaticRegexReplace_{every}", raw("StaticRegexReplace", pattern="(l+)(.)", rewrite="<\\2\\1>", replace_global=every), WORDS)
add("RegexFullMatch", lambda x: tf.raw_ops.RegexFullMatch(input=x, pattern="[0-9]+|H.*"), WORDS)
add("StaticRegexFullMatch", raw("StaticRegexFullMatch", pattern="[a-z ]*"), WORDS)
for pad in (-1, 0, 1):
    add(f"StringNGrams_{pad}", lambda x, s, p=pad: list(tf.raw_ops.StringNGrams(data=x, data_splits=s, separator="|", ngram_widths=[2, 4], left_pad="L", right_pad="R", pad_width=p, preserve_short_sequences=p == 0)), text(*"abcdef"), i64([0, 3, 3, 4, 6]))
RAGGED = text(b"a\xc3\xa9", b"\xff\xe2\x82a", b"", b"\xf0\x9f\x98\x80\x01")
for errors in ("replace", "ignore"):
    add(f"UnicodeDecode_{errors}", lambda x, e=errors: list(tf.raw_ops.UnicodeDecode(input=x, input_encoding="UTF-8", errors=e, replace_control_characters=True)), RAGGED)
    add(f"UnicodeDecodeWithOffsets_{errors}", lambda x, e=errors: list(tf.raw_ops.UnicodeDecodeWithOffsets(input=x, input_encoding="UTF-8", errors=e)), RAGGED)
for encoding in ("UTF-8", "UTF-16-BE", "UTF-32-BE"):
    add(f"UnicodeEncode_{encoding}", lambda x, s, e=encoding: tf.raw_ops.UnicodeEncode(input_values=x, input_splits=s, output_encoding=e), i32([97, 0xE9, 0x1F600, 0xD800]), i64([0, 2, 4]))
    add(f"UnicodeTranscode_{encoding}", raw("UnicodeTranscode", input_encoding="UTF-8", output_encoding=encoding), RAGGED)

# Bytes and records.
for t in (tf.uint8, tf.int16, tf.float32, tf.complex64):
    for little in (True, False):
        add(f"DecodeRaw_{t.name}_{little}", lambda x, t=t, e=little: tf.raw_ops.DecodeRaw(bytes=x, out_type=t, little_endian=e), text(b"\x01\x02\x03?\x05\x06\x07A", b"abcdefgh"))
add("DecodePaddedRaw", lambda x: tf.raw_ops.DecodePaddedRaw(input_bytes=x, fixed_length=6, out_type=tf.int16), text(b"abcd", b"ab"))
add("DecodeCSV", lambda x: list(tf.raw_ops.DecodeCSV(records=x, record_defaults=[np.float32([0]), np.array(["x"]), np.array([], np.int32)])), text("1,a,2", '1.5e3,"a""b",3', ',"",4', ' 1 ,"a,b", 2'))
add("DecodeCSV_columns", lambda x: list(tf.raw_ops.DecodeCSV(records=x, record_defaults=[np.float64([0]), np.int64([7])], field_delim="|", na_value="NA", select_cols=[1, 3])), text("9|1|8|2|x", "9|NA|8|NA|x"))


def _feature(**lists):
    make = {"f": lambda v: tf.train.Feature(float_list=tf.train.FloatList(value=v)), "i": lambda v: tf.train.Feature(int64_list=tf.train.Int64List(value=v)), "s": lambda v: tf.train.Feature(bytes_list=tf.train.BytesList(value=v))}
    return tf.train.Example(features=tf.train.Features(feature={k: make[k[0]](v) for k, v in lists.items()})).SerializeToString()


EXAMPLES = text(_feature(f=[1, 2], i=[-3, 4, 5], s=[b"x"], fv=[1, 2, 3]), _feature(f=[3, 4], fv=[9]), _feature(f=[5, 6], s=[b"y", b"z"]))


def _parse(version):
    def call(x):
        defaults = [np.zeros(0, np.float32), np.float32(-1)]
        shapes = [[2], [None]]
        if version == 1:
            out = tf.raw_ops.ParseExample(serialized=x, names=[], sparse_keys=["i", "s"], dense_keys=["f", "fv"], dense_defaults=defaults, sparse_types=[tf.int64, tf.string], dense_shapes=shapes)
        else:
            out = tf.raw_ops.ParseExampleV2(serialized=x, names=[], sparse_keys=["i"], dense_keys=["f", "fv"], ragged_keys=["s"], dense_defaults=defaults, num_sparse=1, sparse_types=[tf.int64], ragged_value_types=[tf.string], ragged_split_types=[tf.int32], dense_shapes=shapes)
        return tf.nest.flatten(out)
    return call


add("ParseExample", _parse(1), EXAMPLES)
add("ParseExampleV2", _parse(2), EXAMPLES)
add("ParseSingleExample", lambda x: tf.nest.flatten(tf.raw_ops.ParseSingleExample(serialized=x, dense_defaults=[np.zeros(0, np.float32)], num_sparse=1, sparse_keys=["i"], dense_keys=["f"], sparse_types=[tf.int64], dense_shapes=[[2]])), one(EXAMPLES[0]))
# The archive holds strings as bytes of fixed width, which lose zeros at the end.
for t in ("f32", "f16", "i8", "c64"):
    x = draw(t, (2, 3), 0, 9)
    add(f"ParseTensor_{t}", lambda s, t=x.dtype: tf.raw_ops.ParseTensor(serialized=s, out_type=tf.as_dtype(t)), one(tf.io.serialize_tensor(x).numpy()))

# Image files.
_PIXELS = rng("image").integers(0, 256, (9, 11, 4)).astype(np.uint8)


def _png(pixels):
    return one(tf.io.encode_png(pixels).numpy())


for c in (1, 2, 3, 4):
    for wanted in (0, 1, 3, 4):
        add(f"DecodePng_{c}_{wanted}", raw("DecodePng", channels=wanted), _png(_PIXELS[..., :c]))
for t in (tf.uint8, tf.uint16):
    add(f"DecodePng_16_{t.name}", raw("DecodePng", dtype=t), _png(_PIXELS[..., :3].astype(np.uint16) * 199))
_JPEG = one(tf.io.encode_jpeg(_PIXELS[..., :3]).numpy())
for wanted in (0, 1, 3):
    for method in ("", "INTEGER_ACCURATE"):
        add(f"DecodeJpeg_{wanted}_{method}", raw("DecodeJpeg", channels=wanted, dct_method=method), _JPEG, tol=(0, 1))
add("DecodeJpeg_half", raw("DecodeJpeg", ratio=2), _JPEG, tol=(0, 1))
for window in ([0, 0, 9, 11], [2, 3, 4, 5], [8, 10, 1, 1]):
    add(f"DecodeAndCropJpeg_{window[0]}", raw("DecodeAndCropJpeg", channels=3), _JPEG, i32(window), tol=(0, 1))
for t in (tf.int32, tf.int64):
    add(f"ExtractJpegShape_{t.name}", raw("ExtractJpegShape", output_type=t), _JPEG)
for t in (tf.uint8, tf.uint16, tf.float32):
    add(f"DecodeImage_{t.name}", raw("DecodeImage", dtype=t), _png(_PIXELS[..., :3]))


def _bmp(pixels):
    h, w, c = pixels.shape
    rows = [pixels[y, :, [2, 1, 0, 3][:c]].T.tobytes() for y in range(h - 1, -1, -1)]
    data = b"".join(r + b"\0" * (-len(r) % 4) for r in rows)
    return one(b"BM" + struct.pack("<IHHI", 54 + len(data), 0, 0, 54) + struct.pack("<IiiHHIIiiII", 40, w, h, 1, 8 * c, 0, len(data), 0, 0, 0, 0) + data)


add("DecodeBmp_3", raw("DecodeBmp"), _bmp(_PIXELS[..., :3]))
add("DecodeBmp_4", raw("DecodeBmp", channels=4), _bmp(_PIXELS))


def _gif():
    """Two frames of 4 colours without compression: codes of 3 bits, the dictionary cleared before it grows."""
    def frame(left, top, width, height, seed):
        colors = rng("gif", seed).integers(0, 4, width * height)
        codes = []
        for i, color in enumerate(colors):
            codes += ([4] if i % 2 == 0 else []) + [int(color)]
        bits = "".join(format(code, "03b")[::-1] for code in codes + [5])
        bits += "0" * (-len(bits) % 8)
        data = bytes(int(bits[i:i + 8][::-1], 2) for i in range(0, len(bits), 8))
        return struct.pack("<BHHHHBB", 0x2C, left, top, width, height, 0, 2) + bytes([len(data)]) + data + b"\0"
    palette = bytes(rng("palette").integers(0, 256, 12).tolist())
    return one(b"GIF89a" + struct.pack("<HHBBB", 6, 5, 0x81, 0, 0) + palette + frame(0, 0, 6, 5, 1) + frame(1, 2, 3, 2, 2) + b";")


add("DecodeGif", raw("DecodeGif"), _gif())
for expand in (True, False):
    add(f"DecodeImage_gif_{expand}", raw("DecodeImage", expand_animations=expand), _gif())

# Random numbers.
for shape in ([3, 5], [7]):
    for t in ("f32", "f64", "f16", "bf16"):
        kind = tf.as_dtype(draw(t, ()).dtype)
        for op in ("Uniform", "Normal"):
            add(f"StatelessRandom{op}_{t}_{len(shape)}", lambda s, o=op, k=kind, n=shape: getattr(tf.raw_ops, f"StatelessRandom{o}")(shape=n, seed=s, dtype=k), i32([7, -11]))
        add(f"StatelessTruncatedNormal_{t}_{len(shape)}", lambda s, k=kind, n=shape: tf.raw_ops.StatelessTruncatedNormal(shape=n, seed=s, dtype=k), i64([1 << 40, 3]))
for t in (tf.int32, tf.int64):
    add(f"StatelessRandomUniformInt_{t.name}", lambda s, t=t: tf.raw_ops.StatelessRandomUniformInt(shape=[9], seed=s, minval=tf.constant(-5, t), maxval=tf.constant(100, t)), i32([7, 11]))
for t in (tf.int32, tf.int64, tf.uint32, tf.uint64):
    add(f"StatelessRandomUniformFullInt_{t.name}", lambda s, t=t: tf.raw_ops.StatelessRandomUniformFullInt(shape=[9], seed=s, dtype=t), i32([7, 11]))
    add(f"StatelessRandomUniformFullIntV2_{t.name}", lambda k, c, t=t: tf.raw_ops.StatelessRandomUniformFullIntV2(shape=[9], key=k, counter=c, alg=1, dtype=t), draw("u64", (1,), 0, 99), draw("u64", (2,), 0, 99))
    if t in (tf.int32, tf.int64):
        add(f"StatelessRandomUniformIntV2_{t.name}", lambda k, c, t=t: tf.raw_ops.StatelessRandomUniformIntV2(shape=[9], key=k, counter=c, alg=1, minval=tf.constant(5, t), maxval=tf.constant(100, t)), draw("u64", (1,), 0, 99), draw("u64", (2,), 0, 99))
for op in ("StatelessRandomUniformV2", "StatelessRandomNormalV2", "StatelessTruncatedNormalV2"):
    add(op, lambda k, c, o=op: getattr(tf.raw_ops, o)(shape=[9], key=k, counter=c, alg=tf.raw_ops.StatelessRandomGetAlg(), dtype=tf.float32), draw("u64", (1,), 0, 99), draw("u64", (2,), 0, 99))
add("StatelessRandomGetKeyCounter", lambda s: list(tf.raw_ops.StatelessRandomGetKeyCounter(seed=s)), i32([7, 11]))
add("StatelessRandomGetKeyCounterAlg", lambda s: list(tf.raw_ops.StatelessRandomGetKeyCounterAlg(seed=s)), i32([7, 11]))
for op in ("RandomUniform", "RandomStandardNormal", "TruncatedNormal"):
    add(f"{op}_seeded", lambda n, o=op: getattr(tf.raw_ops, o)(shape=n, dtype=tf.float32, seed=12, seed2=34), i32([3, 5]))
add("RandomUniformInt_seeded", lambda n: tf.raw_ops.RandomUniformInt(shape=n, minval=-3, maxval=8, seed=12, seed2=34), i32([3, 5]))

# Fourier transforms.
for axes, shape in ((1, (2, 7)), (2, (2, 4, 6)), (3, (2, 3, 4, 5))):
    name = "" if axes == 1 else f"{axes}D"
    for t in ("c64", "c128"):
        add(f"FFT{name}_{t}", raw(f"FFT{name}"), draw(t, shape), tol=(1e-4, 1e-4))
        add(f"IFFT{name}_{t}", raw(f"IFFT{name}"), draw(t, shape), tol=(1e-4, 1e-4))
    for length in ((4, 7) if axes == 1 else (2, 3)):
        add(f"RFFT{name}_{length}", lambda x, a=axes, n=length: getattr(tf.raw_ops, f"RFFT{'' if a == 1 else f'{a}D'}")(input=x, fft_length=[n] * a), f32(*shape), tol=(1e-4, 1e-4))
        add(f"IRFFT{name}_{length}", lambda x, a=axes, n=length: getattr(tf.raw_ops, f"IRFFT{'' if a == 1 else f'{a}D'}")(input=x, fft_length=[n] * a), draw("c64", shape), tol=(1e-4, 1e-4))

# Decoders of sequences.
for t in ("f32", "f64"):
    for merge in (True, False):
        add(f"CTCGreedyDecoder_{t}_{merge}", lambda x, n, m=merge: list(tf.raw_ops.CTCGreedyDecoder(inputs=x, sequence_length=n, merge_repeated=m)), draw(t, (8, 3, 5)), i32([8, 5, 0]))
        add(f"CTCBeamSearchDecoder_{t}_{merge}", lambda x, n, m=merge: tf.nest.flatten(tf.raw_ops.CTCBeamSearchDecoder(inputs=x, sequence_length=n, beam_width=6, top_paths=3, merge_repeated=m)), draw(t, (8, 2, 5)), i32([8, 5]), tol=(1e-5, 1e-5))
add("CTCGreedyDecoder_blank", lambda x, n: list(tf.raw_ops.CTCGreedyDecoder(inputs=x, sequence_length=n, blank_index=0)), f32(8, 2, 5), i32([8, 5]))

# Sound.
_SAMPLES = f32(1600, 2, low=-0.9, high=0.9)
_WAV = one(tf.audio.encode_wav(_SAMPLES, 8000).numpy())
for channels, samples in ((-1, -1), (1, 2000), (3, 100)):
    add(f"DecodeWav_{channels}_{samples}", lambda x, c=channels, n=samples: list(tf.raw_ops.DecodeWav(contents=x, desired_channels=c, desired_samples=n)), _WAV)
for squared in (True, False):
    add(f"AudioSpectrogram_{squared}", raw("AudioSpectrogram", window_size=200, stride=80, magnitude_squared=squared), _SAMPLES, tol=(1e-3, 1e-4))
add("Mfcc", lambda x: tf.raw_ops.Mfcc(spectrogram=x, sample_rate=16000, dct_coefficient_count=10), f32(2, 3, 257, low=0), tol=(1e-3, 1e-4))

# Images.
_MOVES = np.float32([[1, 0.1, 0.2, -0.1, 1, 0.3, 0, 0], [0.8, -0.4, 2, 0.3, 1.1, -3, 0.01, -0.02]])
for mode in ("CONSTANT", "REFLECT", "WRAP", "NEAREST"):
    for interpolation in ("NEAREST", "BILINEAR"):
        add(f"ImageProjectiveTransformV3_{mode}_{interpolation}", lambda x, t, m=mode, i=interpolation: tf.raw_ops.ImageProjectiveTransformV3(images=x, transforms=t, output_shape=[6, 7], fill_value=2.5, interpolation=i, fill_mode=m), f32(2, 5, 4, 2), _MOVES)
add("ImageProjectiveTransformV2", lambda x, t: tf.raw_ops.ImageProjectiveTransformV2(images=x, transforms=t, output_shape=[6, 7], interpolation="NEAREST"), draw("u8", (2, 5, 4, 2), 0, 255), _MOVES)
_BOXES = np.float32([[[0.1, 0.1, 0.7, 0.8], [-0.5, 0.3, 0.4, 2]], [[0.9, 0.1, 0.2, 0.8], [0, 0, 1, 1]]])
for channels in (1, 3, 4):
    add(f"DrawBoundingBoxes_{channels}", raw("DrawBoundingBoxes"), f32(2, 8, 9, channels), _BOXES)
add("DrawBoundingBoxesV2", raw("DrawBoundingBoxesV2"), f32(2, 8, 9, 3), _BOXES, f32(3, 3))


# Lookup tables that the graph fills.
def _table(keys, values, default, version):
    def call(x):
        make = tf.raw_ops.HashTableV2 if version == 2 else tf.raw_ops.HashTable
        table = make(key_dtype=keys.dtype, value_dtype=values.dtype, shared_name="table")
        fill = tf.raw_ops.InitializeTableV2 if version == 2 else tf.raw_ops.InitializeTable
        find, size = (tf.raw_ops.LookupTableFindV2, tf.raw_ops.LookupTableSizeV2) if version == 2 else (tf.raw_ops.LookupTableFind, tf.raw_ops.LookupTableSize)
        with tf.control_dependencies([fill(table_handle=table, keys=keys, values=values)]):
            return [find(table_handle=table, keys=tf.identity(x), default_value=default), size(table_handle=table) + tf.cast(0 * tf.size(x), tf.int64)]
    return call


for version in (1, 2):
    add(f"LookupTable_text_{version}", lambda x, v=version: _table(tf.constant(["a", "b", "c"]), tf.constant([5, 6, 7], tf.int64), tf.constant(-1, tf.int64), v)(x), text("b", "z", "a"))
    add(f"LookupTable_numbers_{version}", lambda x, v=version: _table(tf.constant([3, 4], tf.int64), tf.constant([0.5, 1.5]), tf.constant(9.0), v)(x), i64([[4, 3], [0, 4]]))



# Mutable ones that one node fills with constants.
def _mutable_table(keys, values, default, version, fill):
    def call(x):
        v2 = "V2" if version == 2 else ""
        table = getattr(tf.raw_ops, f"MutableHashTable{v2}")(key_dtype=keys.dtype, value_dtype=values.dtype, shared_name=f"{fill}{version}")
        filled = getattr(tf.raw_ops, f"LookupTable{fill}{v2}")(table_handle=table, keys=keys, values=values)
        find, size = getattr(tf.raw_ops, f"LookupTableFind{v2}"), getattr(tf.raw_ops, f"LookupTableSize{v2}")
        with tf.control_dependencies([filled]):
            return [find(table_handle=table, keys=tf.identity(x), default_value=default), size(table_handle=table) + tf.cast(0 * tf.size(x), tf.int64)]
    return call


for version in (1, 2):
    for fill in ("Insert", "Import"):
        add(f"MutableHashTable_{fill}_{version}", lambda x, v=version, f=fill: _mutable_table(tf.constant(["a", "b", "c"]), tf.constant([5, 6, 7], tf.int64), tf.constant(-1, tf.int64), v, f)(x), text("b", "z", "a"))

for sep in ("", ", "):
    add(f"UnsortedSegmentJoin_{len(sep)}", lambda x, s=sep: tf.raw_ops.UnsortedSegmentJoin(inputs=x, segment_ids=[2, 0, 2, 0], num_segments=4, separator=s), np.array(["a", "bb", "c", ""], dtype=object))
add("UnsortedSegmentJoin_rows", lambda x: tf.raw_ops.UnsortedSegmentJoin(inputs=x, segment_ids=[1, 0, 1], num_segments=2, separator="+"), np.array([["a", "b"], ["c", "d"], ["e", "f"]], dtype=object))
add("Const_of_no_strings", lambda x: tf.concat([x, tf.zeros([0], tf.string)], 0), np.array(["a"], dtype=object))
