# SPDX-License-Identifier: BSD-2-Clause
# libfdt: the target axvm_fdt. Natively the system's; elsewhere compiled from its own source with our flags. A project that
# has a libfdt of its own defines a target axvm_fdt before it adds us.
set(AXVM_LIBFDT_SOURCE_DIR "" CACHE PATH
    "Directory with libfdt.h and fdt.c; empty: build/libfdt of the checkout if there, else fetched from upstream")
set(AXVM_FDT_IS_OURS OFF)

function(axvm_find_libfdt_source out)
  set(dir "${AXVM_LIBFDT_SOURCE_DIR}")
  if(NOT dir AND EXISTS ${PROJECT_SOURCE_DIR}/build/libfdt/libfdt.h)
    set(dir ${PROJECT_SOURCE_DIR}/build/libfdt)
  endif()
  if(NOT dir)
    include(FetchContent)
    FetchContent_Declare(axvm_dtc
      GIT_REPOSITORY https://git.kernel.org/pub/scm/utils/dtc/dtc.git
      GIT_TAG v1.7.2
      GIT_SHALLOW ON)
    FetchContent_GetProperties(axvm_dtc)
    if(NOT axvm_dtc_POPULATED)
      message(STATUS "Fetching libfdt's source; set AXVM_LIBFDT_SOURCE_DIR if there is a copy")
      FetchContent_Populate(axvm_dtc)
    endif()
    set(dir ${axvm_dtc_SOURCE_DIR}/libfdt)
  endif()
  if(NOT EXISTS ${dir}/libfdt.h)
    message(FATAL_ERROR "AXVM_LIBFDT_SOURCE_DIR: no libfdt.h in '${dir}'")
  endif()
  set(${out} ${dir} PARENT_SCOPE)
endfunction()

# No fdt_overlay.c: it needs strtoul(), and nothing here uses overlays.
set(axvm_fdt_files fdt.c fdt_addresses.c fdt_check.c fdt_empty_tree.c fdt_ro.c fdt_rw.c fdt_strerror.c fdt_sw.c fdt_wip.c)

if(TARGET axvm_fdt)
  # The surrounding project's.
elseif(AXVM_ARCH STREQUAL "fake")
  find_library(AXVM_SYSTEM_LIBFDT fdt)
  find_path(AXVM_SYSTEM_LIBFDT_INCLUDE libfdt.h)
  if(NOT AXVM_SYSTEM_LIBFDT OR NOT AXVM_SYSTEM_LIBFDT_INCLUDE)
    message(FATAL_ERROR "native tests need libfdt (Debian: apt install libfdt-dev)")
  endif()
  add_library(axvm_fdt INTERFACE)
  target_include_directories(axvm_fdt SYSTEM INTERFACE $<BUILD_INTERFACE:${AXVM_SYSTEM_LIBFDT_INCLUDE}>)
  target_link_libraries(axvm_fdt INTERFACE fdt)
else()
  axvm_find_libfdt_source(axvm_fdt_dir)
  set(axvm_fdt_sources)
  foreach(file IN LISTS axvm_fdt_files)
    if(EXISTS ${axvm_fdt_dir}/${file}) # older copies lack some
      list(APPEND axvm_fdt_sources ${axvm_fdt_dir}/${file})
    endif()
  endforeach()
  add_library(axvm_fdt STATIC ${axvm_fdt_sources})
  # libfdt's files find the libfdt_env.h beside them first: ours has to be read before, under the same include guard.
  set(axvm_fdt_env ${PROJECT_SOURCE_DIR}/src/core/freestanding)
  target_compile_options(axvm_fdt PRIVATE -include ${axvm_fdt_env}/libfdt_env.h -w)
  target_include_directories(axvm_fdt SYSTEM PUBLIC
    $<BUILD_INTERFACE:${axvm_fdt_env}> $<BUILD_INTERFACE:${axvm_fdt_dir}>)
  axvm_freestanding_flags(axvm_fdt)
  # Trees are made before guests run. Without optimization it has a table that is not constant.
  target_compile_options(axvm_fdt PRIVATE -Os)
  set(AXVM_FDT_IS_OURS ON)
endif()
