#!/bin/sh
# Lets a build stage on Debian reach package registries as the building host does, and brings ca-certificates. The files beside this
# one are written by src/image/host-settings.ts when the host has such settings; a plain `docker build` has none of them.
# A stage whose files go into an image runs undo.sh at its end.
set -eu
cd "$(dirname "$0")"

[ ! -s apt.conf ] || cp apt.conf /etc/apt/apt.conf.d/99-build-host
if [ -s ca.crt ]; then
  # Until the certificate store is there, and for a mirror that is reached by https.
  echo "Acquire::https::CaInfo \"$PWD/ca.crt\";" >/etc/apt/apt.conf.d/98-build-host
fi
if [ -s apt-mirror ]; then
  cp /etc/apt/sources.list.d/debian.sources debian.sources.before
  sed -i "s|http://deb.debian.org/debian$|$(cat apt-mirror)|; s|http://deb.debian.org/debian-security$|$(cat apt-mirror)-security|" /etc/apt/sources.list.d/debian.sources
fi

apt-get update -q
DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends ca-certificates

if [ -s ca.crt ]; then
  rm -f /etc/apt/apt.conf.d/98-build-host
  # update-ca-certificates takes one certificate a file.
  awk '/BEGIN CERT/ { n++ } { print > ("/usr/local/share/ca-certificates/build-host-" n ".crt") }' ca.crt
  update-ca-certificates
fi
if [ -s settings.xml ]; then mkdir -p ~/.m2 && cp settings.xml ~/.m2/settings.xml; fi
[ ! -s npmrc ] || cp npmrc ~/.npmrc
[ ! -s pip.conf ] || cp pip.conf /etc/pip.conf
