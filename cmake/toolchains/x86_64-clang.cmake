# SPDX-License-Identifier: BSD-2-Clause
# Clang for x86-64 without an operating system. Debian: apt install clang binutils (on a PC; else binutils-x86-64-linux-gnu)
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR x86_64)
set(CMAKE_C_COMPILER clang)
set(CMAKE_ASM_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET x86_64-linux-gnu)
set(CMAKE_ASM_COMPILER_TARGET x86_64-linux-gnu)
# Clang's own llvm-* tools may not be there; the binutils read its objects as well.
foreach(tool ar ranlib nm objdump objcopy)
  string(TOUPPER ${tool} variable)
  set(CMAKE_${variable} x86_64-linux-gnu-${tool} CACHE FILEPATH "")
endforeach()
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # no libc to link a probe against
