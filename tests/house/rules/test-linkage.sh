#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test-linkage.sh BUILD: the libraries of BUILD, and small programs and libraries in the place of all others.
. "$(dirname "$0")/lib.sh"
built=$(cd "$1" && pwd)
rule linkage
mkdir -p build/guest build/tools build/protocol
cp "$built"/libxensnap.{so.1,a} build
# made FILE CODE OPTION...: FILE compiled from CODE.
made() {
    local file=$1 code=$2
    shift 2
    rm -f "$file"
    gcc -x c "$@" -o "$file" - <<< "$code"
}
nothing='int main(void) { return 0; }'
for program in xensnap{d,-guestd}; do made build/$program "$nothing"; done
for program in xensnap-{worker,monitor}; do made build/$program "$nothing" -Wl,--no-as-needed -lxenlight; done
for program in xensnap{,-guestd}; do made build/guest/$program "$nothing" -static; done
for object in tools/{table,text} protocol/names; do made build/$object.o 'int x;' -c; done
made build/tools/snapconf.o 'void xlu_x(void); void f(void) { xlu_x(); }' -c
holds

for program in xensnapd xensnap-guestd; do
    breaks "not ok $program links libxl" build/$program cp build/xensnap-worker build/$program
    breaks "build/$program is not there" build/$program rm build/$program
done
for program in xensnap-worker xensnap-monitor; do
    breaks "not ok $program does not link libxl" build/$program cp build/xensnapd build/$program
done
for object in tools/table protocol/names; do
    breaks "build/$object.o calls libxl" build/$object.o made build/$object.o 'void xlu_x(void); void f(void) { xlu_x(); }' -c
done
breaks 'libxensnap.so.1 shows' build/libxensnap.so.1 made build/libxensnap.so.1 'void extra(void) { }' -shared -fPIC
breaks 'build/libxensnap.so.1 shows 0 names' build/libxensnap.so.1 made build/libxensnap.so.1 'static int x;' -shared -fPIC
breaks 'libxensnap.so.1 needs' build/libxensnap.so.1 made build/libxensnap.so.1 'int x;' -shared -fPIC -Wl,--no-as-needed -lyajl
in_archive() {
    made build/extra.o "$1" -c && rm -f build/libxensnap.a && ar rcs build/libxensnap.a build/extra.o
}
breaks 'libxensnap.a shows' build/libxensnap.a in_archive 'void extra(void) { }'
breaks 'build/libxensnap.a shows 0 names' build/libxensnap.a in_archive 'static int x;'
for program in xensnap xensnap-guestd; do
    file=build/guest/$program
    breaks "$program is not there" $file rm $file
    breaks "$program is not static" $file made $file "$nothing"
    # Many more names behind it: grep has its answer long before the end.
    breaks "$program has functions of Xen's libraries" $file made $file \
        "void xc_x(void) { } $(for n in {1..5000}; do echo "int x$n;"; done) $nothing" -static
done
finish
