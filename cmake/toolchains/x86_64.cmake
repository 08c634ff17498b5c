# SPDX-License-Identifier: BSD-2-Clause
# GCC for x86-64 without an operating system: a PC's own compiler. Elsewhere (Debian): apt install gcc-x86-64-linux-gnu
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
find_program(AXVM_X86_64_GCC NAMES x86_64-linux-gnu-gcc gcc)
set(CMAKE_C_COMPILER ${AXVM_X86_64_GCC})
set(CMAKE_ASM_COMPILER ${AXVM_X86_64_GCC})
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # no libc to link a probe against
