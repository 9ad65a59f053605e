#!/bin/sh
# SPDX-License-Identifier: MIT
# Boots the test payload under our firmware and under OpenSBI: firmware/test/run.sh BUILD
set -u
BUILD=${1:?usage: run.sh BUILD}
case $BUILD in /*) ;; *) BUILD=$PWD/$BUILD ;; esac
here=$(dirname "$(dirname "$(readlink -f "$0")")")
make -s -C "$here" BUILD="$BUILD" all test-payload || exit 1
status=0

boot() { # boot NAME QEMU-OPTION...
    name=$1
    shift
    log=$BUILD/firmware/test/$name.log
    timeout 300 qemu-system-riscv64 -machine virt -m 128M -nographic -monitor none -serial stdio \
        -kernel "$BUILD/firmware/test/payload.bin" "$@" </dev/null >"$log" 2>&1
    code=$?
    if [ $code -eq 0 ] && grep -q '^PASSED' "$log" && grep -q '^ok   SRST reboot' "$log"; then
        echo "firmware: $name: passed, $(grep -c '^ok ' "$log") checks"
    else
        echo "firmware: $name: FAILED (exit $code), see $log"
        grep -a FAIL "$log"
        status=1
    fi
}

boot own-smp4 -smp 4 -bios "$BUILD/firmware.bin"
boot own-smp1 -smp 1 -bios "$BUILD/firmware.bin"
boot own-without-sstc -smp 4 -cpu rv64,sstc=false -bios "$BUILD/firmware.bin"
boot opensbi-smp4 -smp 4 -bios default
exit $status
