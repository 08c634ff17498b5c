# SPDX-License-Identifier: BSD-2-Clause
target_sources(axvm-host PRIVATE
  common/zero.c
  riscv64/bits.c
  riscv64/aia.c
  riscv64/board.c
  riscv64/canary.S
  riscv64/canary.c
  riscv64/canary_vector.S
  riscv64/canary_vector.c
  riscv64/irqchip.c
  riscv64/plic.c
  riscv64/seed.c
  riscv64/start.S
  riscv64/testdev.c
  riscv64/trap.c
  riscv64/uart.c
  riscv64/vectors.S)
set_source_files_properties(riscv64/canary.S PROPERTIES COMPILE_OPTIONS "-march=rv64gc")
# Where RAM starts on QEMU's virt (2 GiB), plus what the image's header asks for.
target_compile_definitions(axvm-host PRIVATE IMAGE_OFFSET=0x200000 LINK_ADDRESS=0x80200000)
target_link_options(axvm-host PRIVATE -march=${AXVM_RISCV_MARCH} -mabi=lp64 -Wl,--defsym=LINK_ADDRESS=0x80200000
  -T ${CMAKE_CURRENT_LIST_DIR}/link.ld)
set_property(TARGET axvm-host APPEND PROPERTY LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/link.ld)
