# SPDX-License-Identifier: BSD-2-Clause
# Clang for AArch64 without an operating system. Debian: apt install clang binutils-riscv64-linux-gnu
set(CMAKE_SYSTEM_NAME Generic)
set(CMAKE_SYSTEM_PROCESSOR riscv64)
set(CMAKE_C_COMPILER clang)
set(CMAKE_ASM_COMPILER clang)
set(CMAKE_C_COMPILER_TARGET riscv64-linux-gnu)
set(CMAKE_ASM_COMPILER_TARGET riscv64-linux-gnu)
# Clang's own llvm-* tools may not be there; the cross binutils read its objects as well.
set(CMAKE_AR riscv64-linux-gnu-ar CACHE FILEPATH "")
set(CMAKE_RANLIB riscv64-linux-gnu-ranlib CACHE FILEPATH "")
set(CMAKE_NM riscv64-linux-gnu-nm CACHE FILEPATH "")
set(CMAKE_OBJDUMP riscv64-linux-gnu-objdump CACHE FILEPATH "")
set(CMAKE_OBJCOPY riscv64-linux-gnu-objcopy CACHE FILEPATH "")
set(CMAKE_TRY_COMPILE_TARGET_TYPE STATIC_LIBRARY) # no libc to link a probe against
