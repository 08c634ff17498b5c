# SPDX-License-Identifier: BSD-2-Clause
# What a library can do without. Asking for what is not there is AXVM_ERR_NOSUP.
option(AXVM_NS16550 "Emulate the 16550A" ON)

# Neither PCs nor RISC-V boards have one.
set(axvm_pl011 OFF)
if(AXVM_ARCH MATCHES "^(aarch64|fake)$")
  set(axvm_pl011 ON)
endif()
option(AXVM_PL011 "Emulate the PL011" ${axvm_pl011})
