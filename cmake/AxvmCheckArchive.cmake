# SPDX-License-Identifier: BSD-2-Clause
# axvm_check_archive(<target> EXPORTS <regex> UNDEFINED <regex>): break the build when the archive is not what a kernel can
# link: see CheckArchive.cmake.
set(AXVM_CHECK_ARCHIVE_SCRIPT ${CMAKE_CURRENT_LIST_DIR}/CheckArchive.cmake)

function(axvm_check_archive target)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "EXPORTS;UNDEFINED" "")
  add_custom_command(TARGET ${target} POST_BUILD VERBATIM
    COMMAND ${CMAKE_COMMAND} -DARCHIVE=$<TARGET_FILE:${target}> -DNM=${CMAKE_NM} -DOBJDUMP=${CMAKE_OBJDUMP}
            "-DEXPORTS=${arg_EXPORTS}" "-DUNDEFINED=${arg_UNDEFINED}" -P ${AXVM_CHECK_ARCHIVE_SCRIPT})
endfunction()
