#!/usr/bin/env python3
"""Writes op_signature_table.inc: the signatures of the ops in this folder's tables, as TensorFlow documents them.

Ops that the file has stay in it. Needs TensorFlow. Run it after adding rows:  .venv/bin/python src/import/make_op_signatures.py
"""
import pathlib
import re

from tensorflow.python.framework import dtypes
from tensorflow.python.framework import op_def_registry

HERE = pathlib.Path(__file__).parent
HEAD = """// What TensorFlow documents of each op: {name, inputs, outputs, attributes}. See op_signature.h for the notation;
// make_op_signatures.py writes this file.
"""
# Ops without a lowering whose outputs are counted or named all the same.
OTHERS = """
Assign AssignAdd AssignSub AssignVariableOp Case Const EmptyTensorList Enter Exit HashTable HashTableV2 If ImmutableConst
LookupTableFind LookupTableFindV2 LoopCond Merge NextIteration ParseExample ParseExampleV2 PartitionedCall Placeholder
PlaceholderV2 PrintV2 RandomUniform ReadFile RefMerge RefSwitch Restore RestoreV2 SaveV2 StatefulPartitionedCall
StatelessCase StatelessIf StatelessWhile Switch TensorArrayConcatV3 TensorArrayGatherV3 TensorArrayReadV3
TensorArrayScatterV3 TensorArraySizeV3 TensorArraySplitV3 TensorArrayV3 TensorArrayWriteV3 TensorListConcatV2
TensorListElementShape TensorListFromTensor TensorListGather TensorListGetItem TensorListLength TensorListPopBack
TensorListPushBack TensorListReserve TensorListResize TensorListScatter TensorListSetItem TensorListSplit TensorListStack
VarHandleOp VarIsInitializedOp Variable VariableV2 While WriteFile
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


def main():
  table = HERE / 'op_signature_table.inc'
  ops = set(OTHERS.split())
  if table.exists():
    ops.update(re.findall(r'^\{"(\w+)"', table.read_text(), re.MULTILINE))
  for path in HERE.glob('*.cc'):
    ops.update(re.findall(r'\{"(\w+)", *\d', path.read_text()))
  rows = [text for text in map(row, sorted(ops)) if text]
  table.write_text(HEAD + '\n'.join(rows) + '\n')


if __name__ == '__main__':
  main()
