# SPDX-License-Identifier: BSD-2-Clause
target_sources(axvm-host PRIVATE
  aarch64/board.c
  aarch64/canary.S
  aarch64/canary.c
  aarch64/gic.c
  aarch64/start.S
  aarch64/trap.c
  aarch64/uart.c
  aarch64/vectors.S)
# Where RAM starts on QEMU's virt (1 GiB), plus what the image's header asks for.
target_compile_definitions(axvm-host PRIVATE IMAGE_OFFSET=0x200000 LINK_ADDRESS=0x40200000)
target_link_options(axvm-host PRIVATE -Wl,--defsym=LINK_ADDRESS=0x40200000 -T ${CMAKE_CURRENT_LIST_DIR}/link.ld)
set_property(TARGET axvm-host APPEND PROPERTY LINK_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/link.ld)
