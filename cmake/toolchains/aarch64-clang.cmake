# SPDX-License-Identifier: BSD-2-Clause
# Clang for AArch64 without an operating system. Debian: apt install clang binutils-aarch64-linux-gnu
set(CMAKE_SYSTEM_PROCESSOR aarch64)
include(${CMAKE_CURRENT_LIST_DIR}/clang.cmake)
