# Libraries from the system's package manager, each as one imported-like INTERFACE target with SYSTEM includes,
# so that -Werror never meets somebody else's header.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)

function(springlatch_package target module)
  pkg_check_modules(${target}_pc REQUIRED IMPORTED_TARGET GLOBAL ${module})
  add_library(${target} INTERFACE)
  target_include_directories(${target} SYSTEM INTERFACE ${${target}_pc_INCLUDE_DIRS})
  target_link_directories(${target} INTERFACE ${${target}_pc_LIBRARY_DIRS})
  target_link_libraries(${target} INTERFACE ${${target}_pc_LIBRARIES})
endfunction()

springlatch_package(package_libpcap libpcap)
springlatch_package(package_hyperscan libhs)
springlatch_package(package_sqlite sqlite3)
springlatch_package(package_microhttpd libmicrohttpd)
springlatch_package(package_prometheus prometheus-cpp-core)
springlatch_package(package_openssl openssl)
springlatch_package(package_curl libcurl)
springlatch_package(package_argon2 libargon2)

# Debian's libdpdk.pc forces -march=corei7 (ours comes after it) and leaves out the libraries of single drivers.
springlatch_package(package_dpdk libdpdk)
target_compile_options(package_dpdk INTERFACE -include rte_config.h)
target_link_libraries(package_dpdk INTERFACE rte_net_ring rte_net_null rte_net_pcap rte_bus_vdev)

# Header-only: nlohmann/json, valijson, tl::expected, CLI11 sit in the default include path.
add_library(package_json INTERFACE)
