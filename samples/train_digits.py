#!/usr/bin/env python3
"""Trains the two sample models on scikit-learn's handwritten digits and freezes them.

    ./setup.sh --python && .venv/bin/python samples/train_digits.py

Writes, beside this file (all of it is committed; run this only to make it again):
    models/digit_classifier.pb   image [?,8,8,1] -> probabilities [?,10]
    models/digit_denoiser.pb     noisy image [?,8,8,1] -> image [?,8,8,1]
    data/digits_test.npz         360 test images that neither model has seen: clean, with noise, and their labels

Pixels are floats in [0, 1].
"""
from __future__ import annotations

import os
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

HERE = Path(__file__).parent
NOISE = 0.35  # standard deviation


def load_images() -> tuple[np.ndarray, ...]:
    """Training and test images [n,8,8,1] in [0,1], and labels."""
    digits = load_digits()
    images = (digits.images / 16.0).astype(np.float32)[..., None]
    return train_test_split(images, digits.target.astype(np.int32), test_size=360, random_state=7, stratify=digits.target)


def add_noise(images: np.ndarray, seed: int) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0.0, NOISE, images.shape)
    return np.clip(images + noise, 0.0, 1.0).astype(np.float32)


def make_classifier() -> tf.keras.Model:
    layers = tf.keras.layers
    return tf.keras.Sequential([
        layers.Input((8, 8, 1), name="image"),
        layers.Conv2D(32, 3, padding="same", use_bias=False),
        layers.BatchNormalization(),
        layers.ReLU(),
        layers.Conv2D(64, 3, padding="same", activation="relu"),
        layers.MaxPooling2D(),
        layers.Dropout(0.3),
        layers.Flatten(),
        layers.Dense(64, activation="relu"),
        layers.Dense(10, activation="softmax"),
    ])


def make_denoiser() -> tf.keras.Model:
    """An encoder and decoder with a skip connection."""
    layers = tf.keras.layers
    image = layers.Input((8, 8, 1), name="image")
    wide = layers.Conv2D(32, 3, padding="same", activation="relu")(image)
    down = layers.Conv2D(64, 3, strides=2, padding="same", activation="relu")(wide)
    middle = layers.Conv2D(64, 3, padding="same", activation="relu")(down)
    up = layers.Conv2DTranspose(32, 3, strides=2, padding="same", activation="relu")(middle)
    joined = layers.Concatenate()([up, wide])
    clean = layers.Conv2D(1, 3, padding="same", activation="sigmoid")(joined)
    return tf.keras.Model(image, clean)


def freeze(model: tf.keras.Model, output: str, path: Path) -> None:
    """Writes `model` as a frozen GraphDef with input "image" and one output of the given name."""

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 1], tf.float32, name="image")])
    def call(image):
        return tf.identity(model(image, training=False), name=output)

    frozen = convert_variables_to_constants_v2(call.get_concrete_function())
    # The converter ends in an Identity of its own; the named node is the output.
    graph_def = tf.compat.v1.graph_util.extract_sub_graph(frozen.graph.as_graph_def(), [output])
    graph_def.ClearField("library")
    path.write_bytes(graph_def.SerializeToString(deterministic=True))
    print(f"{path.name}: {path.stat().st_size / 1024:.0f} KiB, {len(graph_def.node)} nodes")


def main() -> None:
    tf.keras.utils.set_random_seed(7)
    tf.config.experimental.enable_op_determinism()
    train_images, test_images, train_labels, test_labels = load_images()

    classifier = make_classifier()
    classifier.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    classifier.fit(train_images, train_labels, epochs=30, batch_size=64, verbose=0)
    accuracy = classifier.evaluate(test_images, test_labels, verbose=0)[1]
    print(f"classifier: test accuracy {accuracy:.3f}")

    denoiser = make_denoiser()
    denoiser.compile("adam", "mse")
    for epoch in range(60):  # fresh noise each epoch
        denoiser.fit(add_noise(train_images, epoch), train_images, batch_size=64, verbose=0)
    noisy = add_noise(test_images, 1000)
    before, after = (float(np.mean((x - test_images) ** 2)) for x in (noisy, denoiser.predict(noisy, verbose=0)))
    print(f"denoiser: mean squared error {before:.4f} with noise, {after:.4f} without")

    (HERE / "models").mkdir(exist_ok=True)
    (HERE / "data").mkdir(exist_ok=True)
    freeze(classifier, "probabilities", HERE / "models" / "digit_classifier.pb")
    freeze(denoiser, "clean", HERE / "models" / "digit_denoiser.pb")
    np.savez_compressed(HERE / "data" / "digits_test.npz", clean=test_images, noisy=noisy, labels=test_labels)


if __name__ == "__main__":
    main()
