#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# exhaustive
# deadline: 900
# docs/howto.md: each command in it, dom0's and the guest's, in its order, prints what stands there. Written anew to
# /var/tmp/howto.md, from where `make howto` takes it.
. "$(dirname "$0")"/../dom0/lib.sh
. "$(dirname "$0")"/../dom0/snap.sh
. "$(dirname "$0")"/../dom0/disks.sh
. "$(dirname "$0")"/../dom0/policy.sh
. "$(dirname "$0")"/../dom0/quiesce.sh

# There is no systemd here; this is what the unit does.
systemctl() {
    [ "$*" = 'reload xensnapd' ] && pkill -HUP -x xensnapd
}

PATH=/usr/local/lib/xensnap-shim:$PATH
doc=$(cd "$(dirname "$0")/.." && pwd)/docs/howto.md
new=/var/tmp/howto.md

# What is another one each time: identifiers, times, sizes, counters.
same_each_time() {
    sed -E -e 's/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g' -e 's/\.[0-9a-f]{8}\./.MARK./g' \
        -e 's/[0-9]+(\.[0-9]+)?[KMGT]?/N/g' -e 's/[ \t]+/ /g' -e 's/ $//' "$1"
}

# A domain that has been started anew, or brought back, is let come up before the next command.
settled() {
    local guest=web
    [[ $1 != *your_domain* ]] || guest=your_domain
    case $1 in
        *'reload xensnapd') wait_for 20 is_open web || fail "web may not ask" ;;
        *xensnap-guestd*) wait_for 30 is_quiesceable web || fail "xensnap-guestd does not announce itself" ;;
    esac
    case $1 in
        *'xl create'* | *revert*) ;;
        *) return ;;
    esac
    [[ $(xl list $guest 2> /dev/null | awk 'NR == 2 { print $5 }') != *p* ]] || return
    guest_wait_first_tick $guest
}

is_quiesceable() {
    [ "$(xs_read "/local/domain/$(guest_domid "$1")/snapshot/quiesce/feature")" = 1 ]
}

# What a command prints, on a terminal or off: the progress that comes and goes is left out.
say_it() {
    local out=/var/tmp/howto.out
    for guest in your_domain web; do guest_mark $guest; done
    [[ $1 != 'web# mount '* ]] || guest_ask web 'mount-it; umount /mnt' > /dev/null # its kernel loads no modules itself
    if [[ $1 == 'web# '* ]]; then
        guest_ask web "${1#web# }" 60 > $out
    else
        eval "$1" > $out 2>&1 < /dev/null
    fi
    sed -E '/^(create|delete|revert): /d; s/^/    /; s/ +$//' $out
    settled "$1"
}

# run_doc: copies the document; a command is followed by what it prints now. What stands below `cat FILE` is the file.
is_command='^    (web)?# '
run_doc() {
    local line command='' file='' blank=
    while IFS= read -r line; do
        if [ -z "$line" ]; then
            blank=1
            continue
        fi
        if [[ $line == '    '* && ! $line =~ $is_command && $command ]]; then
            [ -z "$file" ] || printf '%s\n' "${line#    }" >> "$file"
            blank=
            continue
        fi
        if [ "$command" ]; then
            say_it "$command"
            command=
        fi
        [ -z "$blank" ] || echo
        blank='' file=''
        printf '%s\n' "$line"
        [[ $line =~ $is_command ]] || continue
        command=${line#    }
        command=${command#'# '}
        [[ ! $command =~ ^cat\ [a-z_.]*conf[a-z_]*$ ]] || { file=${command#cat }; rm -f "$file"; }
    done < "$doc"
}

fresh_start
cd /var/tmp || exit 1
export GUEST_WORDS='blocks=256 pages=64'
GUEST_SED='s/vdev=xvda/vdev=hda/; s/vdev=xvdb/vdev=hdc/' guest_start your_domain pv disks=2 size=16M memory=96
quiesce_initrd
GUEST_EXTRA="uuid=\"$(cat /proc/sys/kernel/random/uuid)\"" quiesce_start web 128
cp /etc/xen/web.cfg web.cfg
run_doc > $new
guest_destroy your_domain
guest_destroy web
diff <(same_each_time "$doc") <(same_each_time $new) || fail "docs/howto.md says something else"
