# SPDX-License-Identifier: BSD-2-Clause
# Each public header compiles alone, as C11 and as C++, twice in a row, with nothing but the compiler's own headers: that the
# target test_headers builds is the test.
include(CheckLanguage)
check_language(CXX)
if(CMAKE_CXX_COMPILER)
  enable_language(CXX)
  set(languages c cpp)
else()
  set(languages c)
endif()

file(GLOB headers RELATIVE ${PROJECT_SOURCE_DIR}/include CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/include/axvm/*.h)
set(sources)
foreach(header IN LISTS headers)
  foreach(language IN LISTS languages)
    string(MAKE_C_IDENTIFIER ${header} id)
    set(source ${CMAKE_CURRENT_BINARY_DIR}/headers/${id}.${language})
    file(GENERATE OUTPUT ${source} CONTENT
      "#include <${header}>\n#include <${header}>\nextern int ${id}_alone;\nint ${id}_alone;\n")
    list(APPEND sources ${source})
  endforeach()
endforeach()

add_library(test_headers OBJECT ${sources})
target_include_directories(test_headers PRIVATE ${PROJECT_SOURCE_DIR}/include)
target_compile_options(test_headers PRIVATE -Wall -Wextra -Werror -pedantic -ffreestanding
  $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes -Wmissing-prototypes>)
set_target_properties(test_headers PROPERTIES C_STANDARD 11 C_EXTENSIONS OFF CXX_STANDARD 11 CXX_EXTENSIONS OFF)
