#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
. "$(dirname "$0")/lib.sh"
rule pod docs
holds
page=docs/xensnapd.8.pod
breaks "in file $page" $page adds '=head7 X' $page
breaks "$page: NAME is not 'xensnapd - ...'" $page sed -i 's/^xensnapd - /other - /' $page
breaks "$page: no SEE ALSO" $page sed -i 's/^=head1 SEE ALSO/=head1 MORE/' $page
breaks "$page: there is no page xensnap-nothing(1)" $page adds 'See xensnap-nothing(1).' $page
breaks "$page: Xen has no page xldd(8)" $page sed -i 's/^=head1 SEE ALSO/&\n\nB<xldd>(8) xldd(8)/' $page
breaks "$page: it sends the reader to itself" $page adds 'See xensnapd(8).' $page
breaks "lonely.1.pod: no page's SEE ALSO names it" docs/xensnap-lonely.1.pod cp docs/xensnap.1.pod docs/xensnap-lonely.1.pod
breaks 'lines over 120 columns' $page adds "$(printf '%0121d' 1)" $page
finish
