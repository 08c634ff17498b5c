# SPDX-License-Identifier: BSD-2-Clause
# Clang for RISC-V without an operating system. Debian: apt install clang binutils-riscv64-linux-gnu
set(CMAKE_SYSTEM_PROCESSOR riscv64)
include(${CMAKE_CURRENT_LIST_DIR}/clang.cmake)
