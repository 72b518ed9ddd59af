#!/bin/sh
# Takes away what apply.sh has put into a stage: nothing of the building host may stay in an image.
set -eu
cd "$(dirname "$0")"

if [ -s debian.sources.before ]; then mv debian.sources.before /etc/apt/sources.list.d/debian.sources; fi
rm -f /etc/apt/apt.conf.d/98-build-host /etc/apt/apt.conf.d/99-build-host /usr/local/share/ca-certificates/build-host-*.crt
rm -rf ~/.m2 ~/.npmrc ~/.npm /etc/pip.conf
update-ca-certificates --fresh
rm -rf /host
