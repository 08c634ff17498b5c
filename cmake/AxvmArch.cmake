# SPDX-License-Identifier: BSD-2-Clause
# Which backend: AXVM_ARCH, and AXVM_ARCH_DIR with its sources and headers. "fake" is the scripted CPU of tests/support, for
# native tests of the portable code, and for hosts that want to test their own integration.
set(AXVM_ARCH "" CACHE STRING "Backend: empty for the target's CPU, or fake")
if(AXVM_ARCH STREQUAL "")
  string(TOLOWER "${CMAKE_SYSTEM_PROCESSOR}" cpu)
  if(cpu MATCHES "^(aarch64|arm64)$")
    set(AXVM_ARCH aarch64)
  elseif(cpu MATCHES "^riscv64$")
    set(AXVM_ARCH riscv64)
  elseif(cpu MATCHES "^(x86_64|amd64)$")
    set(AXVM_ARCH x86_64)
  else()
    message(FATAL_ERROR "libaxvm has no backend for '${CMAKE_SYSTEM_PROCESSOR}'; does the toolchain file set it?")
  endif()
endif()

if(AXVM_ARCH STREQUAL "fake")
  set(AXVM_ARCH_DIR ${CMAKE_CURRENT_LIST_DIR}/../tests/support/fake_arch)
else()
  set(AXVM_ARCH_DIR ${CMAKE_CURRENT_LIST_DIR}/../src/arch/${AXVM_ARCH})
endif()
if(NOT EXISTS ${AXVM_ARCH_DIR}/CMakeLists.txt)
  message(FATAL_ERROR "libaxvm has no backend '${AXVM_ARCH}' yet. On a PC, 'cmake --preset host' builds the native tests, "
                      "and 'cmake --preset aarch64' the library for AArch64.")
endif()
get_filename_component(AXVM_ARCH_DIR ${AXVM_ARCH_DIR} ABSOLUTE)
