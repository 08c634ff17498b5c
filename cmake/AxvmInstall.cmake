# SPDX-License-Identifier: BSD-2-Clause
# cmake --install: headers, archives, axvmConfig.cmake and axvm.pc.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(axvm_installed axvm)
get_target_property(axvm_fdt_imported axvm_fdt IMPORTED)
if(NOT axvm_fdt_imported)
  list(APPEND axvm_installed axvm_fdt)
endif()
if(TARGET axvm_mock)
  list(APPEND axvm_installed axvm_mock)
  # The fake guests look into struct axvm_vcpu, so the internal headers come along.
  file(GLOB axvm_mock_headers ${PROJECT_SOURCE_DIR}/tests/support/fake_*.h ${PROJECT_SOURCE_DIR}/src/core/*.h ${AXVM_ARCH_DIR}/*.h)
  list(FILTER axvm_mock_headers EXCLUDE REGEX "fake_hal_priv")
  install(FILES ${axvm_mock_headers} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/axvm-mock)
endif()
install(TARGETS ${axvm_installed} EXPORT axvmTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/axvm DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
set(axvm_cmake_dir ${CMAKE_INSTALL_LIBDIR}/cmake/axvm)
install(EXPORT axvmTargets NAMESPACE axvm:: DESTINATION ${axvm_cmake_dir})
configure_package_config_file(${CMAKE_CURRENT_LIST_DIR}/axvmConfig.cmake.in ${PROJECT_BINARY_DIR}/axvmConfig.cmake
  INSTALL_DESTINATION ${axvm_cmake_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/axvmConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/axvmConfig.cmake ${PROJECT_BINARY_DIR}/axvmConfigVersion.cmake
  DESTINATION ${axvm_cmake_dir})
configure_file(${CMAKE_CURRENT_LIST_DIR}/axvm.pc.in ${PROJECT_BINARY_DIR}/axvm.pc @ONLY)
install(FILES ${PROJECT_BINARY_DIR}/axvm.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
