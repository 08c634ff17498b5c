# SPDX-License-Identifier: BSD-2-Clause
# The flags of our own code.

set(AXVM_WARNINGS -Wall -Wextra -Wmissing-prototypes -Wvla)
if(AXVM_WERROR)
  list(APPEND AXVM_WARNINGS -Werror)
endif()

# -fno-pie: const tables of pointers are .rodata. No unwind tables: nobody unwinds. No stack protector, no common symbols:
# they want globals of a C library, and make some.
set(AXVM_FREESTANDING -ffreestanding -fno-pie -fno-pic -fno-stack-protector -fno-common -fno-asynchronous-unwind-tables -fno-unwind-tables
    -ffunction-sections -fdata-sections)

# Every object says how much stack each function takes, and whom it calls: tests/archive/stack.py.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU" AND CMAKE_C_COMPILER_VERSION VERSION_GREATER_EQUAL 10)
  set(AXVM_STACK_USAGE -fcallgraph-info=su)
endif()

# Zicsr and Zifencei have been extensions of their own since the ISA manual of 2019, which clang knows since version 17. Before that it
# never made misaligned accesses, and had no option to say so.
set(AXVM_RISCV_MARCH rv64imac_zicsr_zifencei)
set(AXVM_RISCV_ALIGN -mstrict-align)
if(CMAKE_C_COMPILER_ID STREQUAL "Clang" AND CMAKE_C_COMPILER_VERSION VERSION_LESS 17)
  set(AXVM_RISCV_MARCH rv64imac)
  set(AXVM_RISCV_ALIGN)
endif()
# Strings and tables are not padded to words.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  list(APPEND AXVM_RISCV_ALIGN -malign-data=natural)
endif()

# No padding before loops and jumps: with what is run once an exit it costs more than it gives.
if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
  set(AXVM_X86_UNPADDED -fno-align-jumps -fno-align-labels -fno-align-loops)
endif()

# Code that runs where there is no C library: libaxvm.a of a real CPU, and libfdt beside it.
function(axvm_freestanding_flags target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:${AXVM_FREESTANDING} ${AXVM_STACK_USAGE}>)
  # A project that has not chosen gets a library that keeps within its stack.
  target_compile_options(${target} PRIVATE $<$<AND:$<CONFIG:>,$<COMPILE_LANGUAGE:C>>:-O2>)
  if(AXVM_ARCH STREQUAL "aarch64")
    # Guests own the FP registers. Outline atomics call libgcc. A host may run with SCTLR_EL2.A set.
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:C>:-mgeneral-regs-only -mno-outline-atomics -mstrict-align>)
  elseif(AXVM_ARCH STREQUAL "riscv64")
    # Guests own the FP registers. Hosts are linked anywhere. Small data would need the host's gp. Without Zbb bit scans and byte
    # swaps of the compiler's are calls of libgcc.
    target_compile_definitions(${target} PRIVATE AXVM_NO_BIT_BUILTINS)
    target_compile_options(${target} PRIVATE -march=${AXVM_RISCV_MARCH} -mabi=lp64 -mcmodel=medany
      $<$<COMPILE_LANGUAGE:C>:${AXVM_RISCV_ALIGN} -msmall-data-limit=0>)
  elseif(AXVM_ARCH STREQUAL "x86_64")
    # Guests own the FP registers. Interrupts push below the stack pointer. The kernel model's addresses are sign-extended from 32
    # bits: for hosts in the lowest or the highest 2 GiB. No landing pads: nobody has set up what they are for.
    target_compile_options(${target} PRIVATE
      $<$<COMPILE_LANGUAGE:C>:-mgeneral-regs-only -mno-red-zone -mcmodel=kernel -fcf-protection=none ${AXVM_X86_UNPADDED}>)
  endif()
endfunction()

function(axvm_target_flags target)
  target_compile_options(${target} PRIVATE $<$<COMPILE_LANGUAGE:C>:${AXVM_WARNINGS}>)
  if(NOT AXVM_ARCH STREQUAL "fake")
    axvm_freestanding_flags(${target})
  elseif(AXVM_SANITIZE)
    target_compile_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${AXVM_SANITIZE}>
      PRIVATE -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${target} PUBLIC $<BUILD_INTERFACE:-fsanitize=${AXVM_SANITIZE}>)
  endif()
endfunction()

# Files of no weight in a guest's exits: smaller rather than faster. The others take what the build type says (-O2).
function(axvm_optimize_for_size)
  if(NOT AXVM_ARCH STREQUAL "fake")
    set_property(SOURCE ${ARGN} TARGET_DIRECTORY axvm APPEND PROPERTY COMPILE_OPTIONS $<$<NOT:$<CONFIG:Debug>>:-Os>)
  endif()
endfunction()
