#!/usr/bin/env bash
# The command as a user runs it: exit statuses, and one clear error for each kind of bad input.
#
#   tests/cli/command_line_test.sh [MOULIN]
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
moulin=${1:-build/release/bin/moulin}
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
failures=0

# expect STATUS TEXT COMMAND...: the exit status, and a text that the output must have ("" for any).
expect() {
  local status=$1 text=$2
  shift 2
  local output
  output=$("$@" 2>&1 </dev/null)
  local found=$?
  if [ "$found" -ne "$status" ] || { [ -n "$text" ] && ! grep -qF -- "$text" <<<"$output"; }; then
    echo "FAILED: $*"
    echo "  expected status $status and \"$text\", found status $found:"
    head -c 2000 <<<"$output" | sed 's/^/  /'
    failures=$((failures + 1))
  fi
}

classifier=samples/models/digit_classifier.pb
denoiser=samples/models/digit_denoiser.pb
digits=samples/data/digits_test.npz

# Help teaches.
expect 0 "Examples:" "$moulin" --help
for command in show run check compare bench bundle verify graph freeze export calibrate; do expect 0 "Usage:" "$moulin" "$command" --help; done
expect 0 "" "$moulin" --version
expect 2 "moulin: E_OPTION: a command is required" "$moulin"
expect 2 'moulin: E_OPTION: no command "no_such_command"; there are: show, run, ' "$moulin" no_such_command
expect 2 'moulin: E_OPTION: no command "--nonsense"' "$moulin" --nonsense
expect 2 "moulin: E_OPTION: run: --outputs is required; see moulin run --help" "$moulin" run "$classifier" --inputs "$digits"
expect 2 "moulin: E_OPTION: bench: --mode: sideways not in" "$moulin" bench "$classifier" --mode sideways
for command in show run check compare bench bundle verify graph freeze export calibrate; do
  expect 2 "moulin: E_OPTION: $command: " "$moulin" "$command" --nonsense
  [ "$("$moulin" "$command" --nonsense 2>&1 | wc -l)" -eq 1 ] || { echo "FAILED: $command: not one line"; failures=$((failures + 1)); }
done

# What works.
expect 0 "image" "$moulin" show "$classifier"
expect 0 '"dtype": "float32"' "$moulin" show "$classifier" --json
expect 0 "Conv2D" "$moulin" show "$classifier" --ops
expect 0 "oneDNN" "$moulin" show "$classifier" --placement --device cpu
expect 0 "Conv(" "$moulin" graph "$classifier" --text
expect 0 "" "$moulin" graph "$classifier" --text --at plan --device reference
expect 0 "" "$moulin" graph "$classifier" --dot "$scratch/g.dot"
expect 0 "/events.out.tfevents." "$moulin" graph tests/engine/data/tf2_variables --tensorboard "$scratch/logs"
expect 2 "E_OPTION" "$moulin" graph "$classifier" --text --tensorboard "$scratch/logs"
expect 0 "models" "$moulin" bundle c="$classifier" d="$denoiser" -o "$scratch/both.moulin"
expect 0 "both.moulin:c" "$moulin" show "$scratch/both.moulin"
expect 0 "rows/s" "$moulin" bench "$scratch/both.moulin:c" "$scratch/both.moulin:d" --mode async --concurrency 2 --seconds 0.1
expect 0 '"throughput_per_s"' "$moulin" bench "$classifier" --seconds 0.05 --json
expect 0 '"joined"' "$moulin" bench "$classifier" --mode async --concurrency 8 --join 4 --seconds 0.05 --json
expect 0 "" "$moulin" compare "$classifier" --device cpu --reference reference
expect 0 "" "$moulin" compare "$denoiser" --device cpu --layers

# int8 from calibration, and what refuses it.
expect 0 "3 of 4 convolutions and products in int8" "$moulin" calibrate "$classifier" --input 'image=random((16,8,8,1))' -o "$scratch/ranges.json" --device cpu
expect 0 "it has fewer than 16 input channels" "$moulin" show "$classifier" --precision int8 --ranges "$scratch/ranges.json" --device cpu
expect 0 '"int8": 3' "$moulin" show "$classifier" --precision int8+fp16 --ranges "$scratch/ranges.json" --json --device cpu
expect 1 "E_OPTION: int8 needs ranges" "$moulin" show "$classifier" --precision int8
expect 0 "probabilities" "$moulin" run "$classifier" --input 'image=random((16,8,8,1))' --outputs "$scratch/int8.npz" --precision int8 --ranges "$scratch/ranges.json" --device cpu
expect 0 "values agree" "$moulin" compare "$classifier" --batch 16 --shape image=16,8,8,1 --precision int8 --ranges "$scratch/ranges.json" --device cpu --atol 0.2
expect 1 "E_ACCURACY: int8 is too far from float32: output \"probabilities\"" "$moulin" calibrate "$classifier" --input 'image=random((16,8,8,1))' -o "$scratch/refused.json" --max-error 1e-6 --device cpu
[ -e "$scratch/refused.json" ] && { echo "FAILED: ranges were written that were refused"; failures=$((failures + 1)); }
mkdir "$scratch/none"
expect 2 "E_EMPTY" "$moulin" calibrate "$classifier" --inputs "$scratch/none" -o "$scratch/refused.json"
expect 2 "E_OPTION" "$moulin" calibrate "$classifier" --input 'image=random((16,8,8,1))' -o "$scratch/refused.json" --precision fp16
expect 2 "E_OPTION" "$moulin" run "$classifier" --input 'image=random((16,8,8,1))' --outputs "$scratch/o.npz" --ranges "$scratch/ranges.json"
echo '{"ranges": [{"tensor": "x:0", "min": 2, "max": 1}]}' > "$scratch/bad.json"
expect 2 "E_VALUE" "$moulin" run "$classifier" --input 'image=random((16,8,8,1))' --outputs "$scratch/o.npz" --precision int8 --ranges "$scratch/bad.json"
expect 2 "E_PARSE" "$moulin" run "$classifier" --input 'image=random((16,8,8,1))' --outputs "$scratch/o.npz" --precision int8 --ranges README.md

# Checkpoints, and models whose variables lie in them.
expect 0 "net/kernel/.ATTRIBUTES/VARIABLE_VALUE float32[2,2]" "$moulin" show tests/formats/data/manager
expect 0 '"slices": 3' "$moulin" show tests/formats/data/sliced --json
expect 0 "float32[1,2]" "$moulin" show tests/formats/data/v1
expect 0 "float32[?,2]" "$moulin" show tests/engine/data/tf2_variables

# A case whose checkpoint a directory leads to; a slash behind its name is no matter.
cp -r tests/formats/data/manager "$scratch/case"
python3 -c "import zipfile; zipfile.ZipFile('$scratch/case/values.npz', 'w')"
for latest in 3 2; do
  echo '{"format": "checkpoint", "path": "ckpt-3", "latest": "ckpt-'$latest'", "variables": []}' >"$scratch/case/meta.json"
  for case in "$scratch/case" "$scratch/case/"; do expect $((latest == 2)) "$((3 - latest)) failed" "$moulin" check "$case" --device reference; done
done

# What there is in a SavedModel, and inputs by expression.
expect 0 "signature_def['double']:" "$moulin" show tests/engine/data/tf2_variables --all
expect 0 "Function Name: 'scale'" "$moulin" show tests/cli/data/arguments --all
expect 0 "f32[2,2] {" "$moulin" run tests/engine/data/tf2_variables --input "x=ones((2,2))" --outputs "$scratch/e.npz"
expect 0 "f32[2,2] {" "$moulin" run tests/engine/data/tf2_variables --tags serve --input "x=ones((2,2))" --outputs "$scratch/e.npz"
expect 0 "sequential_1/flatten_1/Reshape" "$moulin" run "$classifier" --feed sequential_1/re_lu_1/Relu \
  --input "sequential_1/re_lu_1/Relu=ones((2,8,8,32))" --fetch sequential_1/flatten_1/Reshape --outputs "$scratch/e.npz"
expect 2 "E_NAME" "$moulin" run tests/engine/data/tf2_variables --tags train --input "x=ones((2,2))" --outputs "$scratch/e.npz"
expect 0 "rows/s" "$moulin" bench tests/engine/data/tf2_variables --input "x=random((3,2), seed=4)" --seconds 0.05
expect 2 "at position 11" "$moulin" run tests/engine/data/tf2_variables --input "x=ones((2,2)" --outputs "$scratch/e.npz"
expect 2 "has no input \"z\"" "$moulin" run tests/engine/data/tf2_variables --input "z=1" --outputs "$scratch/e.npz"

# A graph with signatures as a SavedModel.
expect 0 "signatures serving_default" "$moulin" export "$classifier" -o "$scratch/exported" --in image=image --out p=probabilities
expect 0 "inputs['image']" "$moulin" show "$scratch/exported" --all
expect 2 "E_FILE" "$moulin" export "$classifier" -o "$scratch/exported" --in image=image --out p=probabilities
expect 2 'did you mean "probabilities"' "$moulin" export "$classifier" -o "$scratch/no" --in image=image --out p=probabilites
expect 2 "KEY=TENSOR" "$moulin" export "$classifier" -o "$scratch/no" --in image
printf '{"signatures": {"s": {}, "s": {}}}' >"$scratch/twice.json"
expect 2 "E_DUP" "$moulin" export "$classifier" -o "$scratch/no" --signatures "$scratch/twice.json"

# The objects of TensorFlow 2 follow the signatures, or a warning tells why they do not.
expect 0 "signatures double, main" "$moulin" export tests/engine/data/tf2_variables -o "$scratch/renamed" --rename serving_default=main
expect 1 "" grep -q "warning" <("$moulin" export tests/engine/data/tf2_variables -o "$scratch/renamed2" --rename serving_default=main 2>&1)
# What a folder holds is copied, or an error says why not; variables that are not there are told.
cp -r tests/engine/data/tf2_variables "$scratch/model" && rm -r "$scratch/model/variables"
expect 0 "warning: the values of variables are missing" "$moulin" export "$scratch/model" -o "$scratch/hollow"
: >"$scratch/model/variables"
expect 2 "model/variables" "$moulin" export "$scratch/model" -o "$scratch/no"
# What is no source: bundles, checkpoints, folders without either. Targets that cannot be written are named.
for source in "$scratch/both.moulin" "$scratch/both.moulin:c"; do
  expect 2 "E_WRONG_TYPE: is a bundle" "$moulin" freeze "$source" -o "$scratch/no.pb"
  expect 2 "E_WRONG_TYPE: is a bundle" "$moulin" export "$source" -o "$scratch/no"
  expect 2 "E_WRONG_TYPE: is a bundle" "$moulin" bundle c="$source" -o "$scratch/no.moulin"
done
expect 2 "E_WRONG_TYPE: is a checkpoint" "$moulin" export tests/engine/data/tf1_variables/ckpt/model -o "$scratch/no"
mkdir "$scratch/empty folder"
for command in "show" "freeze -o $scratch/no.pb" "export -o $scratch/no" "graph --text" "graph --tensorboard $scratch/no"; do
  # shellcheck disable=SC2086
  expect 2 "moulin: E_FILE: is a directory, but no SavedModel" "$moulin" $command "$scratch/empty folder"
done
expect 2 "E_FILE: cannot replace: Is a directory; file \"$scratch/empty folder\"" "$moulin" bundle c="$classifier" -o "$scratch/empty folder"
expect 2 "file \"$scratch/no/such.moulin\"" "$moulin" bundle c="$classifier" -o "$scratch/no/such.moulin"
expect 2 "file \"/proc/no\"" "$moulin" export tests/engine/data/tf2_variables -o /proc/no
expect 0 "nodes" "$moulin" graph tests/engine/data/tf1_variables/ckpt/model --tensorboard "$scratch/checkpoint_logs"
# Of two versions the newer; spaces in paths are no matter.
mkdir "$scratch/two versions" && cp -r tests/engine/data/tf2_variables "$scratch/two versions/1" && cp -r tests/engine/data/tf1_variables "$scratch/two versions/2"
for command in "show" "freeze -o $scratch/v.pb" "export -o $scratch/v" "graph --text"; do
  # shellcheck disable=SC2086
  expect 0 "" "$moulin" $command "$scratch/two versions"
done
expect 0 "x" "$moulin" show "$scratch/v.pb"

expect 0 "functions" "$moulin" freeze tests/engine/data/tf2_variables -o "$scratch/frozen.pb"
expect 0 "f32" "$moulin" graph "$scratch/frozen.pb" --text
expect 2 "E_OUTPUT" "$moulin" freeze tests/engine/data/tf1_variables/ckpt/model.meta -o "$scratch/no.pb"

# Checkpoints of a manager, followed: a good one that is saved while the model runs, then one that is half written.
follow=$scratch/follow
save() {  # NUMBER: as a manager does, the state file last
  for part in index data-00000-of-00001; do cp tests/engine/data/tf2_variables/variables/variables.$part "$follow/model-$1.$part"; done
  printf 'model_checkpoint_path: "model-%s"\n' "$1" >"$follow/state" && mv "$follow/state" "$follow/checkpoint"
}
save_more() { sleep 1 && save 2 && sleep 1 && save 3 && printf 'cut' >"$follow/model-3.data-00000-of-00001"; }
mkdir "$follow" && save 1
(save_more) &
followed=$("$moulin" bench tests/engine/data/tf2_variables --checkpoint "$follow" --follow --device cpu --seconds 4 2>&1)
wait $!
for text in "model-2: its weights are used from now on" "model-3: E_DATA" "rows/s"; do
  expect 0 "$text" echo "$followed"
done
expect 2 "E_OPTION" "$moulin" bench tests/engine/data/tf2_variables --follow --seconds 0.05
expect 0 "" "$moulin" run tests/engine/data/tf2_variables --checkpoint "$follow/model-2" --input "x=ones((1,2))" --outputs "$scratch/y.npz"
expect 2 "E_DATA" "$moulin" run tests/engine/data/tf2_variables --checkpoint "$follow" --input "x=ones((1,2))" --outputs "$scratch/y.npz"

# The steps of a model, the slowest first.
expect 0 "ms/run" "$moulin" bench "$classifier" --device cpu --seconds 0.05 --profile
expect 0 '"ms_per_run"' "$moulin" bench "$classifier" --device reference --seconds 0.05 --profile --json

# Bundles of what has variables: both signatures of a SavedModel, whose weights are stored once.
expect 0 "2 models" "$moulin" bundle net=tests/engine/data/tf2_variables old=tests/engine/data/tf1_variables/ckpt/model.meta \
  --fetch old=y -o "$scratch/saved.moulin"
expect 0 "has no goldens" "$moulin" verify "$scratch/saved.moulin"
expect 0 "net:double" "$moulin" verify "$scratch/saved.moulin"
expect 0 "" "$moulin" bench "$scratch/saved.moulin:net:double" --seconds 0.05
expect 2 "E_NAME" "$moulin" bench "$scratch/saved.moulin:net:triple" --seconds 0.05
expect 2 "E_OPTION" "$moulin" bundle net=tests/engine/data/tf2_variables --max-batch other=3 -o "$scratch/x.moulin"
expect 2 "E_NAME" "$moulin" bundle net=tests/engine/data/tf2_variables --signature net=triple -o "$scratch/x.moulin"

# A run, from and to .npz files.
python3 - "$digits" "$scratch" <<'PY'
import sys, zipfile
with zipfile.ZipFile(sys.argv[1]) as z:
    clean = z.read("clean.npy")
    labels = z.read("labels.npy")
def write(name, arrays):
    with zipfile.ZipFile(f"{sys.argv[2]}/{name}.npz", "w") as z:
        for key, value in arrays.items():
            z.writestr(f"{key}.npy", value)
write("good", {"image": clean})
write("unknown", {"image": clean, "extra": clean})
write("missing", {})
write("wrong_type", {"image": labels})
PY
expect 0 "probabilities = f32[360,10]" "$moulin" run "$classifier" --inputs "$scratch/good.npz" --outputs "$scratch/out.npz"
expect 0 "" python3 -c "import zipfile; assert zipfile.ZipFile('$scratch/out.npz').namelist() == ['probabilities.npy']"
expect 2 "E_" "$moulin" run "$classifier" --inputs "$scratch/unknown.npz" --outputs "$scratch/x.npz"
expect 2 "E_" "$moulin" run "$classifier" --inputs "$scratch/missing.npz" --outputs "$scratch/x.npz"
expect 2 "E_DTYPE" "$moulin" run "$classifier" --inputs "$scratch/wrong_type.npz" --outputs "$scratch/x.npz"
expect 2 "E_FILE" "$moulin" run "$classifier" --inputs "$scratch/absent.npz" --outputs "$scratch/x.npz"
expect 2 "E_FILE" "$moulin" run "$classifier" --inputs "$scratch/good.npz" --outputs "$scratch/no/such/dir/x.npz"

# Goldens: recorded, kept, and found wrong.
python3 - "$scratch" <<'PY'
import sys, zipfile
folder = sys.argv[1]
with zipfile.ZipFile(f"{folder}/out.npz") as z:
    probabilities = bytearray(z.read("probabilities.npy"))
probabilities[-1] ^= 0x40
with zipfile.ZipFile(f"{folder}/spoilt.npz", "w") as z:
    z.writestr("probabilities.npy", bytes(probabilities))
PY
expect 0 "" "$moulin" bundle c="$classifier" --golden c="$scratch/good.npz" --golden c="$scratch/good.npz,$scratch/out.npz" \
  --warm-up c="$scratch/good.npz" --max-batch c=360 -o "$scratch/golden.moulin"
expect 0 "passed c /golden1/inputs.npz" "$moulin" verify "$scratch/golden.moulin" --device cpu
expect 0 '"passed": true' "$moulin" verify "$scratch/golden.moulin:c" --device reference --json
expect 2 "expected" "$moulin" bundle c="$classifier" --golden c="$scratch/good.npz,$scratch/spoilt.npz" -o "$scratch/wrong.moulin"
expect 1 "" test -e "$scratch/wrong.moulin"
expect 1 "" test -e "$scratch/wrong.moulin.unchecked"
expect 2 "E_LIMIT" "$moulin" bench "$scratch/golden.moulin:c" --batch 361 --seconds 0.05
expect 2 "E_FILE" "$moulin" bundle c="$classifier" --golden c="$scratch/absent.npz" -o "$scratch/wrong.moulin"
expect 2 "E_WRONG_TYPE" "$moulin" verify "$classifier"

# Bad model files: truncated, corrupt, empty, of another kind, absent.
head -c 100000 "$classifier" > "$scratch/truncated.pb"
expect 2 "E_" "$moulin" show "$scratch/truncated.pb"
head -c 4096 /dev/urandom > "$scratch/random.pb"
expect 2 "E_" "$moulin" show "$scratch/random.pb"
: > "$scratch/empty.pb"
expect 2 "E_EMPTY" "$moulin" show "$scratch/empty.pb"
expect 2 "E_" "$moulin" show "$digits"
expect 2 "E_FILE" "$moulin" show "$scratch/absent.pb"
expect 2 "E_" "$moulin" show "$scratch"
head -c 20000 "$scratch/both.moulin" > "$scratch/cut.moulin"
expect 2 "E_DATA" "$moulin" show "$scratch/cut.moulin"
expect 2 "E_NAME" "$moulin" bench "$scratch/both.moulin:nobody" --seconds 0.1
expect 2 "E_OPTION" "$moulin" bundle no_equals_sign -o "$scratch/x.moulin"

# A graph that calls itself is refused with its call chain; a chain of 50,000 Identity nodes runs.
cat > "$scratch/recursive.pbtxt" <<'PB'
node { name: "x" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } }
node { name: "y" op: "f" input: "x" }
library { function {
  signature { name: "f" input_arg { name: "a" type: DT_FLOAT } output_arg { name: "r" type: DT_FLOAT } }
  node_def { name: "again" op: "f" input: "a" }
  ret { key: "r" value: "again:r:0" } } }
PB
expect 2 "E_RECURSION" "$moulin" show "$scratch/recursive.pbtxt"
expect 2 "E_RECURSION" "$moulin" bench "$scratch/recursive.pbtxt" --seconds 0.1
python3 - "$scratch/chain.pbtxt" <<'PY'
import sys
with open(sys.argv[1], "w") as f:
    f.write('node { name: "n0" op: "Placeholder" attr { key: "dtype" value { type: DT_FLOAT } } attr { key: "shape" value { shape { dim { size: 3 } } } } }\n')
    for i in range(50000):
        f.write(f'node {{ name: "n{i + 1}" op: "Identity" input: "n{i}" attr {{ key: "T" value {{ type: DT_FLOAT }} }} }}\n')
PY
expect 0 "chain" "$moulin" bench "$scratch/chain.pbtxt" --seconds 0.05
expect 0 "n50000" "$moulin" show "$scratch/chain.pbtxt"

# No GPU here or there: the reason is said.
expect 2 "E_DEVICE" env MOULIN_CUDA_PLUGIN=/nonexistent/libmoulin_cuda.so "$moulin" bench "$classifier" --device cuda
expect 2 "E_OPTION" "$moulin" bench "$classifier" --device abacus

[ "$failures" -eq 0 ] && echo "command line: all as expected"
exit $((failures > 0))
