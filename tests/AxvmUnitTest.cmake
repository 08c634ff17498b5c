# SPDX-License-Identifier: BSD-2-Clause
# axvm_unit_test(<name> SOURCES file... [CORE] [ARCH aarch64|riscv64|x86_64] [INCLUDES dir...] [LIBRARIES target...])
#
# A cmocka program, built with the sanitizers of the preset and registered with ctest under label "unit". Files are relative to
# the caller, or to the project's root. Their internal headers (src/core, tests/support) are found in every case.
#   CORE  link all portable code on the fake backend, and the fake host (axvm_mock)
#   ARCH  compile the given files against that backend's headers instead: for pure logic of backends
function(axvm_unit_test name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "CORE" "ARCH" "SOURCES;INCLUDES;LIBRARIES")
  set(sources)
  foreach(file IN LISTS arg_SOURCES)
    if(NOT IS_ABSOLUTE ${file} AND NOT EXISTS ${CMAKE_CURRENT_SOURCE_DIR}/${file})
      set(file ${PROJECT_SOURCE_DIR}/${file})
    endif()
    list(APPEND sources ${file})
  endforeach()
  if(arg_ARCH)
    set(arch_dir ${PROJECT_SOURCE_DIR}/src/arch/${arg_ARCH})
  else()
    set(arch_dir ${AXVM_ARCH_DIR})
  endif()

  add_executable(${name} ${sources})
  target_compile_options(${name} PRIVATE ${AXVM_WARNINGS})
  target_include_directories(${name} PRIVATE
    ${arg_INCLUDES} ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/src/core ${arch_dir} ${PROJECT_SOURCE_DIR}/tests/support)
  if(AXVM_SANITIZE)
    target_compile_options(${name} PRIVATE -fsanitize=${AXVM_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
    target_link_options(${name} PRIVATE -fsanitize=${AXVM_SANITIZE})
  endif()
  set_target_properties(${name} PROPERTIES C_STANDARD 11)
  target_link_libraries(${name} PRIVATE ${arg_LIBRARIES} $<$<BOOL:${arg_CORE}>:axvm_mock> axvm_fdt cmocka Threads::Threads)
  add_test(NAME ${name} COMMAND ${name})
  set_tests_properties(${name} PROPERTIES LABELS unit TIMEOUT 300
    ENVIRONMENT "ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1;UBSAN_OPTIONS=print_stacktrace=1;TSAN_OPTIONS=halt_on_error=1")
endfunction()
