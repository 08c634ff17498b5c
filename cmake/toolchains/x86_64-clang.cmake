# SPDX-License-Identifier: BSD-2-Clause
# Clang for x86-64 without an operating system. Debian: apt install clang binutils (on a PC; else binutils-x86-64-linux-gnu)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
include(${CMAKE_CURRENT_LIST_DIR}/clang.cmake)
