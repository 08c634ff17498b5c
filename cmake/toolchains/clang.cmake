# SPDX-License-Identifier: BSD-2-Clause
# Clang without an operating system, for CMAKE_SYSTEM_PROCESSOR: included by the toolchain files of each.
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_C_COMPILER clang)
set(CMAKE_ASM_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
set(CMAKE_ASM_COMPILER_TARGET ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu)
# Clang's own llvm-* tools may not be there; the binutils read its objects as well.
foreach(tool ar ranlib nm objdump objcopy)
  string(TOUPPER ${tool} variable)
  set(CMAKE_${variable} ${CMAKE_SYSTEM_PROCESSOR}-linux-gnu-${tool} CACHE FILEPATH "")
endforeach()
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # no libc to link a probe against
