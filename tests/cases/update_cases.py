"""Rows updated in place, and axes of other data formats."""
import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, i64, raw

for op in ("InplaceUpdate", "InplaceAdd", "InplaceSub"):
    for t in ("f32", "f64", "i32", "i64", "f16"):
        add(f"{op}_{t}", lambda x, i, v, o=op: getattr(tf.raw_ops, o)(x=tf.identity(x) + tf.zeros_like(x), i=i, v=v), draw(t, (5, 3)), i32([3, 0]), draw(t, (2, 3), key="v"))
for t in ("i32", "i64"):
    add(f"DataFormatDimMap_{t}", raw("DataFormatDimMap"), draw(t, (8,), -4, 3))
    add(f"DataFormatDimMap_back_{t}", raw("DataFormatDimMap", src_format="NCHW", dst_format="NHWC"), draw(t, (2, 4), -4, 3))
    add(f"DataFormatDimMap_5_{t}", raw("DataFormatDimMap", src_format="NDHWC", dst_format="NCDHW"), draw(t, (2, 4), -5, 4))
    add(f"DataFormatVecPermute_{t}", raw("DataFormatVecPermute"), draw(t, (4,), 0, 99))
    add(f"DataFormatVecPermute_matrix_{t}", raw("DataFormatVecPermute", src_format="NCHW", dst_format="NHWC"), draw(t, (4, 2), 0, 99))
    add(f"DataFormatVecPermute_spatial_{t}", raw("DataFormatVecPermute"), draw(t, (2,), 0, 99))
    add(f"DataFormatVecPermute_5_{t}", raw("DataFormatVecPermute", src_format="NDHWC", dst_format="NCDHW"), draw(t, (5, 2), 0, 99))
add("Fact", lambda x: tf.strings.join([tf.raw_ops.Fact(), x]), np.array("!", dtype=object))
