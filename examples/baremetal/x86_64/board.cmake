# SPDX-License-Identifier: BSD-2-Clause
target_sources(axvm-host PRIVATE
  common/zero.c
  x86_64/acpi.c
  x86_64/apic.c
  x86_64/board.c
  x86_64/canary.S
  x86_64/canary.c
  x86_64/clock.c
  x86_64/cpu.c
  x86_64/ioapic.c
  x86_64/mptable.c
  x86_64/power.c
  x86_64/rtc.c
  x86_64/start.S
  x86_64/testdev.c
  x86_64/trap.c
  x86_64/tree.c
  x86_64/uart.c
  x86_64/vectors.S)
target_compile_definitions(axvm-host PRIVATE IMAGE_BASE=0x200000)
target_link_options(axvm-host PRIVATE -Wl,--defsym=IMAGE_BASE=0x200000 -Wl,-z,max-page-size=4096 -T ${CMAKE_CURRENT_LIST_DIR}/link.ld)
set_property(TARGET axvm-host APPEND PROPERTY LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/link.ld)
# Boot loaders that speak multiboot 1 want an ELF32 file; 64-bit code fits into one.
set(axvm_host_format --strip-debug -I elf64-x86-64 -O elf32-i386)
