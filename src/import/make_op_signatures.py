#!/usr/bin/env python3
"""Writes op_signature_table.inc: the signatures of TensorFlow's ops, as TensorFlow documents them.

The table has all ops of TensorFlow, so that it changes with TensorFlow's versions only. Ops that the file has and this
TensorFlow lacks stay in it. Needs TensorFlow:  .venv/bin/python src/import/make_op_signatures.py
"""
import pathlib
import re

import tensorflow as tf
from tensorflow.core.framework import op_def_pb2
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.framework import dtypes
from tensorflow.python.framework import op_def_registry

HERE = pathlib.Path(__file__).parent
HEAD = """// What TensorFlow documents of each op: {name, inputs, outputs, attributes}. See op_signature.h for the notation;
// make_op_signatures.py writes this file.
"""
# Older versions count the extra arguments of this op by num_args alone, newer ones list their types, which are all T.
OVERRIDES = {'_FusedConv2D': '{"_FusedConv2D", "input:T filter:T args:T*num_args host_args:float32*num_host_args", '
                             '"output:T", "T num_args num_host_args=0 strides padding"},'}


def type_name(number):
  return dtypes.as_dtype(number % 100).name  # 100 and above: references


def argument(arg):
  if arg.type_list_attr:
    return f'{arg.name}:*{arg.type_list_attr}'
  count = f'*{arg.number_attr}' if arg.number_attr else ''
  return f'{arg.name}:{arg.type_attr or type_name(arg.type)}{count}'


def attribute(attr, referred):
  """Required ones by name; with their default those that arguments refer to; others not at all."""
  if not attr.HasField('default_value'):
    return [attr.name]
  if attr.name not in referred:
    return []
  value = attr.default_value
  if attr.type == 'type':
    return [f'{attr.name}={type_name(value.type)}']
  if attr.type == 'int':
    return [f'{attr.name}={value.i}']
  assert attr.type == 'list(type)' and not value.list.type, attr
  return [f'{attr.name}=[]']


def row(op):
  if op in OVERRIDES:
    return OVERRIDES[op]
  op_def = op_def_registry.get(op)
  if op_def is None:
    return None  # an op of another version, or one that only TensorFlow's own passes make
  arguments = list(op_def.input_arg) + list(op_def.output_arg)
  referred = {name for arg in arguments for name in (arg.type_attr, arg.number_attr, arg.type_list_attr)}
  attrs = [text for attr in op_def.attr for text in attribute(attr, referred)]
  texts = [op, ' '.join(map(argument, op_def.input_arg)), ' '.join(map(argument, op_def.output_arg)), ' '.join(attrs)]
  return '{' + ', '.join(f'"{text}"' for text in texts) + '},'


def is_documented(op):
  """TensorFlow's library registers ops for its own tests too, which no module of Python offers."""
  return op.startswith('_') or hasattr(tf.raw_ops, op)


def all_ops():
  ops = op_def_pb2.OpList.FromString(pywrap_tf_session.TF_GetBuffer(pywrap_tf_session.TF_GetAllOpList()))
  return {op.name for op in ops.op if is_documented(op.name)}


def main():
  table = HERE / 'op_signature_table.inc'
  rows = re.findall(r'^(\{"(\w+)".*)$', table.read_text(), re.MULTILINE)
  known = {op: text for text, op in rows}
  known.update({op: row(op) for op in all_ops()})
  table.write_text(HEAD + '\n'.join(known[op] for op in sorted(known)) + '\n')


if __name__ == '__main__':
  main()
