#!/bin/sh
# Runs one script in a place that has neither Rust nor the source: over the files of the machine, or
# of another tree, lies a layer that is gone afterwards. Only root can, in a mount namespace of its
# own:  unshare --mount --propagation private sh place.sh LOWER RELEASE TRIAL SCRIPT HIDDEN...
set -eu
lower=$1 release=$2 trial=$3 script=$4
shift 4

mount -t tmpfs -o mode=755 tmpfs /mnt
mkdir /mnt/upper /mnt/work /mnt/place
mount -t overlay -o "lowerdir=$lower,upperdir=/mnt/upper,workdir=/mnt/work" overlay /mnt/place
cd /mnt/place
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs dev/shm
mount --rbind /proc proc
mount -t tmpfs -o mode=1777 tmpfs tmp
mount -t tmpfs -o mode=755 tmpfs run
mkdir -p opt/release opt/trial
mount --bind "$release" opt/release
cp -r "$trial/." opt/trial/

for folder in "$@"; do
    if [ -d ".$folder" ]; then
        mount -t tmpfs tmpfs ".$folder"
    fi
done
for tool in rustc cargo; do
    rm -f "usr/bin/$tool" "usr/local/bin/$tool"
done
echo 'APT::Get::Assume-Yes "true";' > etc/apt/apt.conf.d/90yes

exec chroot . /usr/bin/env -i HOME=/root LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
    PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    PIP_NO_INDEX=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore \
    sh -eu "/opt/trial/$script"
