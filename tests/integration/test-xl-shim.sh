#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The xl in front of xl: snapshot commands become xensnap's, everything else is the real xl's, signals and exit codes too.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
trap '' PIPE

fail() {
    echo "FAIL: $*"
    exit 1
}

# Both print who they are and their words, and end as they are told.
for program in xl xensnap; do
    mkdir -p "$dir/$program"
    cat > "$dir/$program/$program" << EOF
#!/bin/sh
printf $program
[ \$# = 0 ] || printf ' [%s]' "\$@"
echo
if [ -n "\${HANG:-}" ]; then
    trap 'echo caught; exit 42' TERM
    echo \$\$ > "$dir/pid"
    while :; do read -r line; done
fi
exit "\${CODE:-0}"
EOF
    chmod +x "$dir/$program/$program"
done
make -s install-xl-shim PREFIX=/usr DESTDIR="$dir/root" || fail "it does not install"
shim=$dir/root/usr/local/sbin/xl
export XENSNAP_REAL_XL=$dir/xl/xl PATH=$dir/xensnap:$PATH

# becomes WANTED WORDS...: what xl WORDS... comes to.
becomes() {
    local want=$1 got
    shift
    got=$("$shim" "$@") || fail "xl $*: exit code $?"
    [ "$got" = "$want" ] || fail "xl $* becomes: $got, not: $want"
}

# refuses PART WORDS...: nothing is run, and the reason is told.
refuses() {
    local part=$1 got code=0
    shift
    got=$("$shim" "$@" 2>&1) || code=$?
    [ $code = 2 ] || fail "xl $*: exit code $code, $got"
    [[ $got == *"$part"* && $got != *xensnap\ \[* ]] || fail "xl $* says: $got"
}

# The HOWTO, line by line.
becomes 'xensnap [create] [your_domain]' snapshot-create your_domain
becomes 'xensnap [create] [-n] [domain_snapshot_name] [your_domain]' snapshot-create -n domain_snapshot_name your_domain
becomes 'xensnap [create] [your_domain] [config_file]' snapshot-create your_domain config_file
becomes 'xensnap [create] [--disk-only] [your_domain]' snapshot-create --disk-only your_domain
becomes 'xensnap [list] [your_domain]' snapshot-list your_domain
becomes 'xensnap [list] [-l] [your_domain] [domain_snapshot_name]' snapshot-list -l your_domain domain_snapshot_name
becomes 'xensnap [list] [-l] [your_domain]' snapshot-list -l your_domain
becomes 'xensnap [delete] [-n] [domain_snapshot_name] [your_domain]' snapshot-delete -n domain_snapshot_name your_domain
becomes 'xensnap [revert] [-n] [domain_snapshot_name] [your_domain]' snapshot-revert -n domain_snapshot_name your_domain

# The code of 2014.
becomes 'xensnap [create] [config_file] [-n] [a b] [-D] [dom]' snapshot-create config_file -n 'a b' -D dom
becomes 'xensnap [create] [--dry-run] [-n] [a] [dom]' -N snapshot-create -n a dom
becomes 'xensnap [create] [--dry-run] [dom]' -v -fN -t snapshot-create dom
becomes 'xensnap [create] [dom]' -vfT -- snapshot-create dom
becomes 'xensnap [list] [dom]' -N snapshot-list dom
refuses 'no dry run' -N snapshot-delete -n a dom
refuses 'no dry run' -vN snapshot-revert -n a dom
becomes 'xensnap [revert] [-p] [-n] [a] [dom]' snapshot-revert -p -n a dom
becomes 'xensnap [revert] [-n] [a] [dom]' snapshot-revert -e -d -n a dom
becomes 'xensnap [revert] [-pn] [a] [dom]' snapshot-revert -dpen a dom
becomes 'xensnap [revert] [-nae] [dom]' snapshot-revert -enae dom
becomes 'xensnap [revert] [-n] [-F] [dom]' snapshot-revert -n -F dom
becomes 'xensnap [revert] [--name] [-c] [dom]' snapshot-revert --name -c dom
becomes 'xensnap [revert] [--name=-c] [--json] [dom]' snapshot-revert --name=-c --json dom
becomes 'xensnap [revert] [--] [dom] [-F]' snapshot-revert -e -- dom -F
becomes 'xensnap [revert] [] [dom] [ ] [*] [a
b]' snapshot-revert '' dom ' ' '*' 'a
b'
becomes 'xensnap [revert] [-n]' snapshot-revert -n
becomes 'xensnap [revert]' snapshot-revert
refuses 'nothing stays in the foreground' snapshot-revert -F -n a dom
refuses 'xl console' snapshot-revert -pc -n a dom
refuses 'xl vncviewer' snapshot-revert -n a -V dom
refuses 'xl vncviewer' snapshot-revert --vncviewer-autopass -n a dom

# Everything else, word by word.
becomes 'xl'
becomes 'xl [list] [-l] [dom]' list -l dom
becomes 'xl [-vf] [create] [snapshot-create]' -vf create snapshot-create
becomes 'xl [-N] [create] [/etc/xen/a b.cfg] []' -N create '/etc/xen/a b.cfg' ''
becomes 'xl [snapshot-merge] [dom]' snapshot-merge dom
becomes 'xl [-Q] [snapshot-create] [dom]' -Q snapshot-create dom
becomes 'xl [--version]' --version
becomes 'xl [-]' -

for words in 'list dom' 'snapshot-list dom' 'snapshot-revert -n a dom'; do
    code=0
    # shellcheck disable=SC2086
    CODE=23 "$shim" $words > /dev/null || code=$?
    [ $code = 23 ] || fail "xl $words: exit code $code instead of 23"

    # The same process: a signal reaches it, and no shell stands between.
    mkfifo "$dir/in"
    # shellcheck disable=SC2086
    HANG=1 "$shim" $words < "$dir/in" > "$dir/out" &
    pid=$!
    exec 3> "$dir/in"
    until [ -s "$dir/pid" ]; do kill -0 $pid || fail "xl $words ended"; done
    [ "$(cat "$dir/pid")" = $pid ] || fail "xl $words is process $(cat "$dir/pid"), started as $pid"
    kill -TERM $pid
    echo >&3 2> /dev/null # for a shell that ends its read before it looks at the signal
    code=0
    wait $pid || code=$?
    exec 3>&-
    [ $code = 42 ] && grep -q caught "$dir/out" || fail "xl $words: exit code $code after a signal"
    rm "$dir/in" "$dir/pid"
done

# Never over another xl, but over itself.
make -s install-xl-shim PREFIX=/usr DESTDIR="$dir/root" || fail "it does not install again"
echo other > "$dir/root/usr/local/sbin/xl"
! make -s install-xl-shim PREFIX=/usr DESTDIR="$dir/root" 2> /dev/null || fail "it overwrites another xl"
[ "$(cat "$dir/root/usr/local/sbin/xl")" = other ] || fail "it has overwritten another xl"
