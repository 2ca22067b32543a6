#!/bin/sh
# Make a Python 3.11 for macOS, with a shared libpython, in a folder. Nothing here can run it.
#
#     macos.sh FOLDER MACHINE PYTHON
#
# MACHINE is aarch64 or x86_64. PYTHON is a Python 3.11 that has onebin, whose pinned compiler is used: it has the headers
# and the symbols of macOS's C library, and none of Apple's frameworks. So modules that need those or other libraries of
# the system are left out (docs/platforms.md has the list). The sources are Debian's: nobody offers this interpreter as a
# package. Its layout is that of python-build-standalone, whose prefix is /install, too. Five minutes of processor time.
. "$(dirname "$0")/begin.sh"

case $machine in aarch64) oldest=11.0 ;; x86_64) oldest=10.15 ;; esac # as python-build-standalone's
"$here/apt.sh" "$work/apt" amd64 source --download-only --tar-only python3.11 zlib libffi > "$log"
for archive in *.orig.tar.*; do
    tar --extract --file "$archive"
done

export ZIG_GLOBAL_CACHE_DIR="$work/zig" MACOSX_DEPLOYMENT_TARGET="$oldest"
export CC="$zig cc -target $machine-macos.$oldest"
export AR="$zig ar" RANLIB="$zig ranlib" READELF=/usr/bin/readelf
export CFLAGS="-O2 -g0 -w -Wno-date-time" CPPFLAGS="-I$work/own/include" LDFLAGS="-s -L$work/own/lib"

make_from() { # a folder, where it will be, and the arguments of its `configure`
    cd "$1"
    prefix=$2
    shift 2
    ./configure --prefix="$prefix" "$@"
    make --silent --jobs="$jobs"
    make --silent install DESTDIR="$destination"
    cd "$work"
} >> "$log" 2>&1

# What is in the way of CPython is little, but for what its `configure` asks the machine that it runs on.
patch_python() {
    tab=$(printf '\t')
    sed -i \
        -e "s/^$tab\*-\*-linux-android\*)/$tab*-apple-darwin*)\n$tab${tab}ac_sys_system=Darwin\n$tab$tab;;\n&/" \
        -e "s/^${tab}ac_sys_release=\$/${tab}ac_sys_release=20.0/" \
        -e "/^$tab\*-\*-cygwin\*)\$/{N;s/^$tab\*-\*-cygwin\*)\(\n$tab${tab}_host_cpu=\)\$/$tab*-apple-darwin* | *-*-cygwin*)\1/}" \
        -e 's/ac_osx_32bit=yes/ac_osx_32bit=no/' \
        -e 's/`\/usr\/bin\/arch`/`echo $host_cpu | sed "s,aarch64,arm64,; s,x86_64,i386,"`/' \
        -e "s/(CC) -bundle -undefined/(CC) -dynamiclib -undefined/" \
        -e 's/ -framework CoreFoundation//' configure # for a bundle, Zig writes an empty file
    sed -i -e 's/ -Wl,-single_module//; s/ -Wl,-compatibility_version,$(VERSION) -Wl,-current_version,$(VERSION)//' \
        -e "s,@LIBFFI_INCLUDEDIR@,$work/own/include," Makefile.pre.in
    sed -i 's/^            self.add_cross_compiling_paths()$/            pass/' setup.py # it would add this machine's
    cat > "$work/own/include/util.h" << END # the only header of the C library that is missing
#include <sys/ioctl.h>
#include <termios.h>
int openpty(int *, int *, char *, struct termios *, struct winsize *);
int login_tty(int);
int forkpty(int *, char *, struct termios *, struct winsize *);
END
}

there=$machine-apple-darwin20 build=x86_64-pc-linux-gnu destination=
CFLAGS="$CFLAGS -Dfdopen=fdopen" make_from "$(echo zlib-*)" "$work/own" --static
make_from "$(echo libffi-*)" "$work/own" --build=$build --host="$there" --disable-shared --with-pic --disable-docs \
    gcc_cv_as_cfi_pseudo_op=no
(cd Python-* && patch_python)
destination=$work/made
make_from "$(echo Python-*)" /install --build=$build --host="$there" --with-build-python="$python" --enable-shared \
    --disable-test-modules --without-ensurepip --disable-ipv6 ac_cv_file__dev_ptmx=yes ac_cv_file__dev_ptc=no
rm -rf "$folder"
mv "$destination/install" "$folder"
