"""What is drawn from operands: shuffles, samples of categories."""
import numpy as np
import tensorflow as tf

from case import add, draw, f32, i32, raw

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
