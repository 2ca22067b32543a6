# Begin to make a Python FOLDER for a MACHINE with the pinned compiler of a PYTHON: sourced by macos.sh and musl.sh with
# their arguments. Sets `here`, `folder`, `machine`, `jobs`, `log` and `zig`, and goes to `work`, which is removed at the
# end; after a fault, the end of the log is shown.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
folder=$1 machine=$2 python=$3
jobs=$(getconf _NPROCESSORS_ONLN)
mkdir -p "$(dirname "$folder")"
folder=$(cd "$(dirname "$folder")" && pwd)/$(basename "$folder") # as it will be written into the interpreter
case $python in */*) python=$(cd "$(dirname "$python")" && pwd)/$(basename "$python") ;; esac
work=$(mktemp -d)
log=$folder.log
trap 'code=$?; [ $code = 0 ] || tail -n 20 "$log" >&2; rm -rf "$work"' EXIT

"$python" -c 'from onebin.launcher import compiler; print(compiler.REQUIREMENTS)' > "$work/requirements.txt"
"$python" -m pip install --quiet --no-deps --target "$work/packages" --requirement "$work/requirements.txt"
zig=$work/packages/ziglang/zig
cd "$work"
