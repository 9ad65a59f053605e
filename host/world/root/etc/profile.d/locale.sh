# SPDX-License-Identifier: MIT
export LANG=C.UTF-8
