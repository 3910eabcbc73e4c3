"""Gradients of convolutions by their filters, of pools, of resizing, and of what repeats or mirrors a tensor."""
import numpy as np
import tensorflow as tf

from case import add, draw, f32, gradient_of, i32, raw


def size_of(n, k, stride, dilation, padding):
    reach = (k - 1) * dilation + 1
    return -(-n // stride) if padding == "SAME" else (n - reach) // stride + 1


# Filters.
for padding in ("SAME", "VALID"):
    for stride, dilation in ((1, 1), (2, 1), (3, 1), (1, 2)):
        sizes = [size_of(n, k, stride, dilation, padding) for n, k in ((8, 3), (9, 2))]
        add(f"Conv2DBackpropFilter_{padding}_{stride}_{dilation}", lambda x, g, p=padding, s=stride, d=dilation: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=[3, 2, 3, 4], out_backprop=g, strides=[1, s, s, 1], dilations=[1, d, d, 1], padding=p), f32(2, 8, 9, 3), f32(2, *sizes, 4, key="g"))
        if stride == dilation or dilation == 1:
            add(f"DepthwiseConv2dNativeBackpropFilter_{padding}_{stride}", lambda x, g, p=padding, s=stride: tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(input=x, filter_sizes=[3, 2, 3, 2], out_backprop=g, strides=[1, s, s, 1], padding=p), f32(2, 8, 9, 3), f32(2, *sizes, 6, key="g"))
    for t in ("f64", "f16"):
        add(f"Conv2DBackpropFilter_{padding}_{t}", lambda x, g, p=padding: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=[3, 3, 2, 2], out_backprop=g, strides=[1, 2, 2, 1], padding=p), draw(t, (1, 7, 7, 2)), draw(t, (1, *(2 * [size_of(7, 3, 2, 1, padding)]), 2), key="g"))
    sizes = [size_of(n, 2, 2, 1, padding) for n in (5, 4, 6)]
    add(f"Conv3DBackpropFilterV2_{padding}", lambda x, g, p=padding: tf.raw_ops.Conv3DBackpropFilterV2(input=x, filter_sizes=[2, 2, 2, 2, 3], out_backprop=g, strides=[1, 2, 2, 2, 1], padding=p), f32(2, 5, 4, 6, 2), f32(2, *sizes, 3, key="g"))
add("Conv2DBackpropFilter_explicit", lambda x, g: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=[3, 3, 2, 2], out_backprop=g, strides=[1, 1, 1, 1], padding="EXPLICIT", explicit_paddings=[0, 0, 1, 2, 0, 1, 0, 0]), f32(2, 5, 6, 2), f32(2, 6, 5, 2, key="g"))
add("Conv2DBackpropFilter_unknown", lambda x, g: tf.raw_ops.Conv2DBackpropFilter(input=x, filter_sizes=[3, 3, 2, 2], out_backprop=g, strides=[1, 1, 1, 1], padding="SAME"), f32(2, 5, 6, 2), f32(2, 5, 6, 2, key="g"), unknown="axes")

# Pools.
for padding in ("SAME", "VALID"):
    for stride in (1, 2, 3):
        sizes = [size_of(n, k, stride, 1, padding) for n, k in ((7, 3), (8, 2))]
        attrs = dict(ksize=[1, 3, 2, 1], strides=[1, stride, stride, 1], padding=padding)
        x, g = f32(2, 7, 8, 3), f32(2, *sizes, 3, key="g")
        add(f"AvgPoolGrad_{padding}_{stride}", lambda g, a=attrs: tf.raw_ops.AvgPoolGrad(orig_input_shape=[2, 7, 8, 3], grad=g, **a), g)
        add(f"MaxPoolGradV2_{padding}_{stride}", lambda x, g, a=attrs: tf.raw_ops.MaxPoolGradV2(orig_input=x, orig_output=tf.raw_ops.MaxPool(input=x, **a), grad=g, **a), x, g)
        add(f"MaxPoolGradGrad_{padding}_{stride}", lambda x, g, a=attrs: tf.raw_ops.MaxPoolGradGrad(orig_input=x, orig_output=tf.raw_ops.MaxPool(input=x, **a), grad=g, **a), x, f32(2, 7, 8, 3, key="g"))
        add(f"MaxPoolGradGradV2_{padding}_{stride}", lambda x, g, a=attrs: tf.raw_ops.MaxPoolGradGradV2(orig_input=x, orig_output=tf.raw_ops.MaxPool(input=x, **a), grad=g, **a), x, f32(2, 7, 8, 3, key="g"))
        for batch in (True, False):
            add(f"MaxPoolGradWithArgmax_{padding}_{stride}_{batch}", lambda x, g, a=attrs, b=batch: tf.raw_ops.MaxPoolGradWithArgmax(input=x, grad=g, argmax=tf.raw_ops.MaxPoolWithArgmax(input=x, include_batch_in_index=b, **a).argmax, include_batch_in_index=b, **a), x, g)
    for t in ("f64", "f16", "bf16"):
        add(f"AvgPoolGrad_{padding}_{t}", lambda g, p=padding: tf.raw_ops.AvgPoolGrad(orig_input_shape=[1, 5, 5, 2], grad=g, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding=p), draw(t, (1, *(2 * [size_of(5, 2, 2, 1, padding)]), 2)))
    sizes = [size_of(n, 2, 2, 1, padding) for n in (5, 4, 6)]
    attrs = dict(ksize=[1, 2, 2, 2, 1], strides=[1, 2, 2, 2, 1], padding=padding)
    add(f"AvgPool3DGrad_{padding}", lambda g, a=attrs: tf.raw_ops.AvgPool3DGrad(orig_input_shape=[2, 5, 4, 6, 2], grad=g, **a), f32(2, *sizes, 2))
    add(f"MaxPool3DGrad_{padding}", lambda x, g, a=attrs: tf.raw_ops.MaxPool3DGrad(orig_input=x, orig_output=tf.raw_ops.MaxPool3D(input=x, **a), grad=g, **a), f32(2, 5, 4, 6, 2), f32(2, *sizes, 2, key="g"))
    add(f"MaxPool3DGradGrad_{padding}", lambda x, g, a=attrs: tf.raw_ops.MaxPool3DGradGrad(orig_input=x, orig_output=tf.raw_ops.MaxPool3D(input=x, **a), grad=g, **a), f32(2, 5, 4, 6, 2), f32(2, 5, 4, 6, 2, key="g"))
add("AvgPoolGrad_unknown", lambda x, g: tf.raw_ops.AvgPoolGrad(orig_input_shape=tf.shape(x), grad=g, ksize=[1, 2, 2, 1], strides=[1, 2, 2, 1], padding="SAME"), f32(2, 5, 5, 2), f32(2, 3, 3, 2), unknown="axes")

# Resizing.
for op in ("ResizeBilinearGrad", "ResizeBicubicGrad", "ResizeNearestNeighborGrad"):
    for mode in ((False, False), (True, False), (False, True)):
        for key, size in (("up", (7, 9)), ("down", (2, 3)), ("mixed", (8, 1))):
            if op == "ResizeNearestNeighborGrad":
                call = lambda g, m=mode: tf.raw_ops.ResizeNearestNeighborGrad(grads=g, size=[4, 5], align_corners=m[0], half_pixel_centers=m[1])
            else:
                call = lambda g, m=mode, o=op: getattr(tf.raw_ops, o)(grads=g, original_image=tf.zeros([2, 4, 5, 3]), align_corners=m[0], half_pixel_centers=m[1])
            add(f"{op}_{key}_{mode[0]}_{mode[1]}", call, f32(2, *size, 3))
    if op != "ResizeNearestNeighborGrad":
        add(f"{op}_f64", lambda g, o=op: getattr(tf.raw_ops, o)(grads=g, original_image=tf.zeros([1, 3, 4, 2], tf.float64)), f32(1, 6, 8, 2))
for t in ("f64", "f16", "i32", "u8"):
    add(f"ResizeNearestNeighborGrad_{t}", lambda g: tf.raw_ops.ResizeNearestNeighborGrad(grads=g, size=[3, 2]), draw(t, (1, 6, 4, 2)))

# Others.
for radius, beta in ((1, 0.5), (5, 0.75)):
    add(f"LRNGrad_{radius}", lambda g, x, r=radius, b=beta: tf.raw_ops.LRNGrad(input_grads=g, input_image=x, output_image=tf.raw_ops.LRN(input=x, depth_radius=r, beta=b, alpha=0.3, bias=2.0), depth_radius=r, beta=b, alpha=0.3, bias=2.0), f32(2, 3, 2, 7), f32(2, 3, 2, 7, key="x"))
for mode in ("REFLECT", "SYMMETRIC"):
    for paddings in ([[0, 0], [1, 2], [2, 0]], [[1, 1], [0, 0], [0, 3]]):
        shape = [n + sum(p) for n, p in zip((3, 4, 5), paddings)]
        add(f"MirrorPadGrad_{mode}_{paddings[0][0]}", lambda g, m=mode, p=paddings: tf.raw_ops.MirrorPadGrad(input=g, paddings=p, mode=m), f32(*shape))
add("MirrorPadGrad_unknown", lambda g: tf.raw_ops.MirrorPadGrad(input=g, paddings=[[1, 1], [0, 2]], mode="REFLECT"), f32(5, 6), unknown="axes")


def _network(x):
    x = tf.nn.relu(tf.nn.conv2d(x, f32(3, 3, 2, 4), [1, 2, 2, 1], "SAME"))
    x = tf.nn.max_pool2d(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]], "REFLECT"), 2, 2, "VALID")
    x = tf.image.resize(tf.nn.avg_pool2d(x, 2, 1, "SAME"), [5, 5])
    return tf.reduce_sum(x ** 2)


add("Gradient_of_a_network", gradient_of(_network), f32(2, 9, 9, 2), tol=(1e-3, 1e-3))
