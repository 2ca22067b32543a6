#!/bin/sh
# Make a Python 3.11 for Linux with musl, with a shared libpython, in a folder.
#
#     musl.sh FOLDER MACHINE PYTHON
#
# MACHINE is x86_64 or aarch64. PYTHON is a Python 3.11 that has onebin, whose pinned compiler is used. The sources are
# Debian's: nobody offers this interpreter as a package. Three minutes on two processors.
. "$(dirname "$0")/begin.sh"

case $machine in x86_64) architecture=amd64 ;; aarch64) architecture=arm64 ;; esac # Debian's names
"$here/apt.sh" "$work/apt" "$architecture" --yes --download-only install musl > "$log"
dpkg-deb --extract "$work"/apt/archives/musl_*.deb "$work/root"
mkdir -p "$folder/lib"
cp "$work/root/lib/ld-musl-$machine.so.1" "$folder/lib" # the C library, which is its own dynamic loader
"$here/apt.sh" "$work/apt" "$architecture" source --download-only --tar-only python3.11 zlib libffi >> "$log"
for archive in *.orig.tar.*; do
    tar --extract --file "$archive"
done

# What is compiled here must run with the oldest musl of the tag musllinux_1_2, which lacks what Zig's musl has gained.
export ZIG_GLOBAL_CACHE_DIR="$work/zig"
export CC="$zig cc -target $machine-linux-musl -dynamic"
export AR="$zig ar" RANLIB="$zig ranlib" READELF=/usr/bin/readelf
export CFLAGS="-O2 -w -Wno-date-time" CPPFLAGS="-I$folder/include" LDFLAGS="-s -L$folder/lib -Wl,-rpath,$folder/lib"

make_from() { # a folder, and the arguments of its `configure`
    cd "$1"
    shift
    ./configure --prefix="$folder" "$@"
    [ ! -f setup.py ] || sed -i 's/-Wl,-h/-Wl,-soname,/' Makefile # Zig's linker knows only the long name
    # Zig leaves libpython3.so, which only passes on names of the library, to the linker of this machine.
    make --silent --jobs="$jobs" PY3LIBRARY=
    make --silent install PY3LIBRARY=
    cd "$work"
} >> "$log" 2>&1

# CPython names the C library after the machine that compiles; "here" keeps that from being the target's own name.
here=x86_64-here-linux-musl there=$machine-linux-musl
CHOST=$there make_from zlib-* --static
make_from libffi-* --build=$here --host=$there --disable-shared --with-pic --disable-docs --disable-exec-static-tramp \
    lt_cv_prog_compiler_static_works=no
(cd Python-* && sed -i 's/^            self.add_cross_compiling_paths()$/            pass/' setup.py) # it adds this machine's headers
make_from Python-* --build=$here --host=$there --with-build-python="$python" --enable-shared --disable-test-modules \
    --without-ensurepip --disable-ipv6 ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no \
    ac_cv_func_preadv2=no ac_cv_func_pwritev2=no
