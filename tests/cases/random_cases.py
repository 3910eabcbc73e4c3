"""What is drawn from operands: shuffles, samples of categories."""
import numpy as np
import tensorflow as tf

from case import DTYPES, add, draw, f32, i32, raw

for t in ("f32", "i64", "bool", "c64"):
    for shape in ((11,), (6, 2), (5, 2, 3)):
        add(f"RandomShuffle_{t}_{len(shape)}", raw("RandomShuffle", seed=3, seed2=5), draw(t, shape))
add("RandomShuffle_text", raw("RandomShuffle", seed=3, seed2=5), np.array(list("abcdefg"), dtype=object))
add("RandomShuffle_one", raw("RandomShuffle", seed=3, seed2=5), f32(1, 4))
add("RandomShuffle_scalar", raw("RandomShuffle", seed=3, seed2=5), np.float32(4))
add("RandomShuffle_empty", raw("RandomShuffle", seed=3, seed2=5), np.zeros((0, 2), np.float32))
for t in ("f32", "f64", "f16", "bf16"):
    for out in (tf.int32, tf.int64):
        add(f"Multinomial_{t}_{out.name}", raw("Multinomial", seed=3, seed2=5, output_dtype=out), draw(t, (3, 5)), i32(7))
        add(f"StatelessMultinomial_{t}_{out.name}", raw("StatelessMultinomial", output_dtype=out), draw(t, (3, 5)), i32(7), i32([4, 9]))
add("Multinomial_edges", raw("Multinomial", seed=3, seed2=5), np.float32([[-np.inf, 0, np.nan, np.inf, -1], [0, 0, -np.inf, -np.inf, 90]]), i32(6))
add("Multinomial_none", raw("Multinomial", seed=3, seed2=5), f32(2, 3), i32(0))
ALPHAS = np.float32([0.3, 1.0, 2.5])
for t in ("f32", "f64", "f16"):
    add(f"StatelessRandomGammaV2_{t}", raw("StatelessRandomGammaV2"), i32([5, 3]), i32([4, 9]), ALPHAS.astype(DTYPES[t]))
    add(f"RandomGamma_{t}", raw("RandomGamma", seed=3, seed2=5), i32([4]), ALPHAS.astype(DTYPES[t]))
add("StatelessRandomGammaV3", lambda s, a: tf.raw_ops.StatelessRandomGammaV3(shape=s, key=np.array([7], np.uint64), counter=np.array([1, 2], np.uint64), alg=1, alpha=a), i32([5, 3]), ALPHAS)
add("StatelessRandomGammaV2_empty", raw("StatelessRandomGammaV2"), i32([0, 3]), i32([4, 9]), ALPHAS)
for out in (tf.int32, tf.float32, tf.int64):
    add(f"StatelessRandomPoisson_{out.name}", raw("StatelessRandomPoisson", dtype=out), i32([7, 3]), i32([4, 9]), np.float32([0.5, 8, 30]))
add("RandomPoissonV2", raw("RandomPoissonV2", seed=3, seed2=5), i32([7]), np.float32([0.5, 8, 30]))
