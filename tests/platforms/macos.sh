#!/bin/sh
# Make a Python 3.11 for macOS, with a shared libpython, in a folder. It has never been run.
#
#     macos.sh FOLDER MACHINE PYTHON
#
# MACHINE is aarch64 or x86_64. PYTHON is a Python 3.11 that has onebin, whose pinned compiler is used: it has the
# headers of macOS's C library and a list of its symbols, and none of Apple's frameworks. So what asks the system's
# settings (_scproxy) is left out. The sources are Debian's: nobody offers this interpreter as a package. What it says of
# itself is put into the form of python-build-standalone. Five minutes of processor time.
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
case $machine in aarch64) oldest=11.0 ;; x86_64) oldest=10.15 ;; esac # as python-build-standalone's
"$here/apt.sh" "$work/apt" amd64 source --download-only --tar-only python3.11 zlib libffi > "$log"
for archive in *.orig.tar.*; do
    tar --extract --file "$archive"
done

export ZIG_GLOBAL_CACHE_DIR="$work/zig" MACOSX_DEPLOYMENT_TARGET="$oldest"
export CC="$zig cc -target $machine-macos.$oldest" AR="$zig ar" RANLIB="$zig ranlib"
export CFLAGS="-O2 -w -Wno-date-time" CPPFLAGS="-I$folder/include" LDFLAGS="-L$folder/lib"

make_from() { # a folder, and the arguments of its `configure`
    cd "$1"
    shift
    ./configure --prefix="$folder" "$@"
    make --silent --jobs="$jobs"
    make --silent install
    cd "$work"
} >> "$log" 2>&1

# CPython's `configure` refuses to compile for macOS on another system, though little is in the way of it.
patch_python() {
    sed -i -e 's/^\t\*-\*-linux-android\*)/\t*-apple-darwin*)\n\t\tac_sys_system=Darwin\n\t\t;;\n&/' \
        -e 's/^\tac_sys_release=$/\tac_sys_release=20.0/; s/^    ac_sys_release=$/    ac_sys_release=20.0/' \
        -e 's/^\t\*-\*-cygwin\*)\n\t\t_host_cpu=$/&/' \
        -e '/_host_cpu=$host_cpu/,/esac/ s/^\t\*-\*-cygwin\*)/\t*-apple-darwin* | *-*-cygwin*)/' \
        -e 's/ -framework CoreFoundation//' configure
}

there=$machine-apple-darwin20
build=x86_64-pc-linux-gnu
(cd zlib-* && CHOST=$there make_from . --static)
make_from libffi-* --build=$build --host=$there --disable-shared --with-pic --disable-docs
(cd Python-* && patch_python)
make_from Python-* --build=$build --host=$there --with-build-python="$python" --enable-shared --disable-test-modules \
    --without-ensurepip --disable-ipv6 ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no
