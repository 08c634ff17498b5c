# SPDX-License-Identifier: BSD-2-Clause
set(guests ${PROJECT_SOURCE_DIR}/build/guests/riscv64)
set(payloads ${PROJECT_SOURCE_DIR}/build/riscv64/tests/guest)
set(linux --arch riscv64 --kernel ${guests}/linux --initrd ${guests}/initrd.gz)

# vCPUs, host CPUs; words for the host.
axvm_linux_words_test(riscv64 "" 1 1)
axvm_linux_words_test(riscv64 "" 2 1)
axvm_linux_words_test(riscv64 "" 2 2)
axvm_linux_words_test(riscv64 "" 4 2)
axvm_linux_words_test(riscv64 "" 8 1)
axvm_linux_words_test(riscv64 "" 8 2)
# Without Sstc timers are emulated; and the host's own registers are looked at around each run.
axvm_linux_words_test(riscv64 .no-sstc 2 2 no-sstc)
axvm_linux_words_test(riscv64 .canary 2 2 canary)
axvm_linux_words_test(riscv64 .guest-regs 2 2 canary guest-regs)

axvm_system_test(riscv64.finisher EXPECT "vm0 powered off" ARGS --arch riscv64 --kernel ${payloads}/finisher.bin)

# A CPU with vectors: Linux, and what is refused of them.
axvm_system_test(riscv64.linux.vectors EXPECT "axvm-check: PASS"
  ARGS ${linux} --cpu rv64,v=true,vlen=256 --host-arg canary --append "console=ttyS0 quiet axvm.batch axvm.cpus=2")
axvm_system_test(riscv64.hostile.vectors EXPECT "hostile: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/hostile.bin --cpu rv64,v=true,vlen=256)
# Firmware calls that do something.
foreach(variant sstc no-sstc)
  set(words)
  if(variant STREQUAL no-sstc)
    set(words --host-arg ${variant} --host-arg canary)
  endif()
  axvm_system_test(riscv64.sbi.${variant} EXPECT "sbi: done 0" ARGS --arch riscv64 --kernel ${payloads}/sbi.bin --legacy-sbi ${words})
endforeach()
# A CPU that has always set A and D bits says nothing of it.
axvm_system_test(riscv64.adbits EXPECT "adbits: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/adbits.bin --append adbits.always)
# Software events: among four harts on two CPUs and on one; and with memory that is touched by the calls first.
axvm_system_test(riscv64.sse EXPECT "sse: done 0" ARGS --arch riscv64 --kernel ${payloads}/sse.bin --vcpus 4 --touch)
axvm_system_test(riscv64.sse.1-cpu EXPECT "sse: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/sse.bin --vcpus 4 --host-cpus 1 --host-arg no-sstc --host-arg canary)
# One takes the other's time on the only CPU, with a timer of the hardware's and without.
foreach(variant sstc no-sstc)
  set(words)
  if(variant STREQUAL no-sstc)
    set(words --host-arg ${variant})
  endif()
  axvm_system_test(riscv64.steal.${variant} EXPECT "steal: done 0"
    ARGS --arch riscv64 --kernel ${payloads}/steal.bin --vcpus 1 --mem 64M --append steal.a --second ${payloads}/steal.bin
         --second-mem 64M --host-cpus 1 ${words})
endforeach()
axvm_system_test(riscv64.steal.pair EXPECT "steal: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/steal.bin --append steal.pair --host-cpus 1)
# Harts that wait for each other, as long as it takes: on two CPUs and on one.
axvm_system_test(riscv64.wakes EXPECT "wakes: done 0" ARGS --arch riscv64 --kernel ${payloads}/wakes.bin --vcpus 4)
axvm_system_test(riscv64.wakes.1-cpu EXPECT "wakes: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/wakes.bin --vcpus 4 --host-cpus 1 --host-arg no-sstc)
# Two that fill their registers and take turns on one CPU see nothing of each other, nor the host of them. Both lines end in "0".
foreach(cpu rv64 rv64,v=true,vlen=128 rv64,v=true,vlen=256 rv64,v=true,vlen=1024)
  string(REGEX REPLACE "[,=]" "-" label "${cpu}")
  axvm_system_test(riscv64.leak.${label} EXPECT "done 0"
    ARGS --arch riscv64 --kernel ${payloads}/leak.bin --vcpus 1 --mem 64M --append leak.a --second ${payloads}/leak.bin
         --second-mem 64M --second-append leak.b --host-cpus 1 --cpu ${cpu} --host-arg canary --expect-count 2)
endforeach()

axvm_system_test(riscv64.linux.first-touch EXPECT "axvm-check: PASS"
  ARGS ${linux} --touch --append "console=ttyS0 quiet axvm.batch axvm.cpus=2")

# SBI SRST, and up again: the line appears once per boot.
axvm_system_test(riscv64.linux.reboots EXPECT "axvm-check: rebooting"
  ARGS ${linux} --allow-reset --expect-count 3 --append "console=ttyS0 quiet axvm.reboot")

# The machine's own real-time clock, at another address, with its interrupt: in Linux, and in a guest of our own.
axvm_system_test(riscv64.linux.passthrough-rtc.interrupts EXPECT "axvm-check: rtc ok"
  PREFIX ${CMAKE_CURRENT_SOURCE_DIR}/with-program ${payloads}/rtc-updates ${guests}/initrd.gz
  ARGS --arch riscv64 --kernel ${guests}/linux --passthrough /soc/rtc@101000@10101000 --append "console=ttyS0 quiet axvm.rtc")
axvm_system_test(riscv64.linux.passthrough-rtc EXPECT "goldfish_rtc 10101000.rtc: registered"
  ARGS ${linux} --passthrough /soc/rtc@101000@10101000 --append "console=ttyS0")
axvm_system_test(riscv64.passthrough-rtc EXPECT "rtc: alarms 20 ok"
  ARGS --arch riscv64 --kernel ${payloads}/rtc.bin --passthrough /soc/rtc@101000@10101000)

# The same with the other interrupt controllers, of the guest and of the machine.
foreach(irqchip aplic imsic)
  foreach(variant "1;1" "2;1" "2;2" "4;2")
    list(GET variant 0 vcpus)
    list(GET variant 1 host_cpus)
    axvm_system_test(riscv64.linux.${irqchip}.${vcpus}-vcpu.${host_cpus}-cpu EXPECT "axvm-check: PASS"
      ARGS ${linux} --irqchip ${irqchip} --vcpus ${vcpus} --host-cpus ${host_cpus}
           --append "console=ttyS0 quiet axvm.batch axvm.cpus=${vcpus}")
  endforeach()
  axvm_system_test(riscv64.aia.${irqchip} EXPECT "aia: done 0"
    ARGS --arch riscv64 --kernel ${payloads}/aia.bin --irqchip ${irqchip})
  axvm_system_test(riscv64.passthrough-rtc.${irqchip} EXPECT "rtc: alarms 20 ok"
    ARGS --arch riscv64 --kernel ${payloads}/rtc.bin --irqchip ${irqchip} --passthrough /soc/rtc@101000@10101000)
endforeach()
axvm_system_test(riscv64.linux.host-aplic EXPECT "axvm-check: PASS"
  ARGS ${linux} --append "console=ttyS0 quiet axvm.batch axvm.cpus=2" -- -machine aia=aplic)
foreach(irqchip plic aplic imsic)
  axvm_system_test(riscv64.passthrough-rtc.host-aplic.${irqchip} EXPECT "rtc: alarms 20 ok"
    ARGS --arch riscv64 --kernel ${payloads}/rtc.bin --irqchip ${irqchip} --passthrough /soc/rtc@101000@10101000 -- -machine aia=aplic)
endforeach()

# Two guests with it on the same CPUs; and one that resets itself with an APLIC that was in use.
axvm_system_test(riscv64.aia.beside-linux EXPECT "axvm-check: PASS"
  ARGS ${linux} --irqchip imsic --append "console=ttyS0 quiet axvm.batch axvm.cpus=2" --second ${payloads}/aia.bin --second-vcpus 2)
axvm_system_test(riscv64.linux.reboots.imsic EXPECT "axvm-check: rebooting"
  ARGS ${linux} --irqchip imsic --allow-reset --expect-count 3 --append "console=ttyS0 quiet axvm.reboot")

# On QEMU 10, where CPUs have the AIA: only if it has been fetched (scripts/run-guest --qemu10).
function(axvm_qemu10_test name)
  axvm_system_test(${name} ${ARGN})
  if(NOT EXISTS ${PROJECT_SOURCE_DIR}/build/qemu10/riscv64)
    set_tests_properties(${name} PROPERTIES DISABLED TRUE)
  endif()
endfunction()
foreach(variant "2;2;aplic-imsic,aia-guests=3" "4;2;aplic-imsic,aia-guests=3" "2;1;aplic-imsic" "2;2;none")
  list(GET variant 0 vcpus)
  list(GET variant 1 host_cpus)
  list(GET variant 2 aia)
  string(REGEX REPLACE "[,=]" "-" label "${aia}")
  axvm_qemu10_test(riscv64.qemu10.linux.imsic.${vcpus}-vcpu.${host_cpus}-cpu.host-${label} EXPECT "axvm-check: PASS"
    ARGS --qemu10 ${linux} --irqchip imsic --vcpus ${vcpus} --host-cpus ${host_cpus} --cpu rv64,smaia=on,ssaia=on --host-arg canary
         --append "console=ttyS0 quiet axvm.batch axvm.cpus=${vcpus}" -- -machine aia=${aia})
endforeach()
# vCPUs that stay on one CPU have guest interrupt files of the hardware, as far as these go: with one in each CPU, half of the four.
foreach(variant "2;2;3;" "4;2;1;" "4;1;3;" "2;2;3;guest-regs")
  list(GET variant 0 vcpus)
  list(GET variant 1 host_cpus)
  list(GET variant 2 files)
  list(GET variant 3 word)
  set(words --host-arg canary)
  set(name riscv64.qemu10.linux.guest-files.${vcpus}-vcpu.${host_cpus}-cpu.${files}-files)
  if(word)
    list(APPEND words --host-arg ${word})
    string(APPEND name .${word})
  endif()
  axvm_qemu10_test(${name} EXPECT "axvm-check: PASS"
    ARGS --qemu10 ${linux} --irqchip imsic --pin --vcpus ${vcpus} --host-cpus ${host_cpus} ${words}
         --append "console=ttyS0 quiet axvm.batch axvm.cpus=${vcpus}" -- -machine aia=aplic-imsic,aia-guests=${files})
endforeach()
axvm_qemu10_test(riscv64.qemu10.aia.guest-files.beside-linux EXPECT "axvm-check: PASS"
  ARGS --qemu10 ${linux} --irqchip imsic --pin --append "console=ttyS0 quiet axvm.batch axvm.cpus=2" --second ${payloads}/aia.bin
       --second-vcpus 2 -- -machine aia=aplic-imsic,aia-guests=3)
axvm_qemu10_test(riscv64.qemu10.aia.guest-files EXPECT "aia: done 0"
  ARGS --qemu10 --arch riscv64 --kernel ${payloads}/aia.bin --irqchip imsic --pin -- -machine aia=aplic-imsic,aia-guests=3)
foreach(irqchip aplic imsic)
  axvm_qemu10_test(riscv64.qemu10.aia.${irqchip} EXPECT "aia: done 0"
    ARGS --qemu10 --arch riscv64 --kernel ${payloads}/aia.bin --irqchip ${irqchip} -- -machine aia=aplic-imsic,aia-guests=3)
  axvm_qemu10_test(riscv64.qemu10.passthrough-rtc.${irqchip} EXPECT "rtc: alarms 20 ok"
    ARGS --qemu10 --arch riscv64 --kernel ${payloads}/rtc.bin --irqchip ${irqchip} --passthrough /soc/rtc@101000@10101000 --
         -machine aia=aplic-imsic)
endforeach()
# Who sets A and D bits of page tables, where the CPU can be told: two harts, also in turns on one CPU, choose differently. And
# where it cannot: because it is so built, or because its firmware has not allowed it.
foreach(host_cpus 1 2)
  axvm_qemu10_test(riscv64.qemu10.adbits.${host_cpus}-cpu EXPECT "adbits: done 0"
    ARGS --qemu10 --arch riscv64 --kernel ${payloads}/adbits.bin --append adbits.choice --cpu rv64,svadu=on --host-cpus ${host_cpus}
         --host-arg canary)
endforeach()
foreach(svadu off on)
  axvm_qemu10_test(riscv64.qemu10.adbits.svade.svadu-${svadu} EXPECT "adbits: done 0"
    ARGS --qemu10 --arch riscv64 --kernel ${payloads}/adbits.bin --append adbits.faults --cpu rv64,svade=on,svadu=${svadu})
endforeach()
# A CPU with all that QEMU has.
axvm_qemu10_test(riscv64.qemu10.linux.max EXPECT "axvm-check: PASS"
  ARGS --qemu10 ${linux} --cpu max --host-arg canary --append "console=ttyS0 quiet axvm.batch axvm.cpus=2")
axvm_qemu10_test(riscv64.qemu10.sbi EXPECT "sbi: done 0"
  ARGS --qemu10 --arch riscv64 --kernel ${payloads}/sbi.bin --legacy-sbi --host-arg canary)
# A guest with a PLIC sees nothing of the AIA where the CPU lets one hide it.
axvm_qemu10_test(riscv64.qemu10.hostile EXPECT "hostile: done 0"
  ARGS --qemu10 --arch riscv64 --kernel ${payloads}/hostile.bin --cpu rv64,smstateen=on --host-arg canary -- -machine aia=aplic-imsic,aia-guests=3)

# U-Boot in S-mode, to its prompt.
axvm_system_test(riscv64.u-boot EXPECT "=> "
  ARGS --arch riscv64 --kernel /usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin)

# What hostile-guest.md lists, tried by a guest that checks each answer; alone and beside a Linux that must not notice.
axvm_system_test(riscv64.hostile EXPECT "hostile: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/hostile.bin)
# With one CPU, QEMU makes a load and a store of an AMO.
axvm_system_test(riscv64.hostile.1-cpu EXPECT "hostile: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/hostile.bin --host-cpus 1)
axvm_system_test(riscv64.hostile.no-sstc EXPECT "hostile: done 0"
  ARGS --arch riscv64 --kernel ${payloads}/hostile.bin --host-arg no-sstc --host-arg canary)
axvm_system_test(riscv64.hostile.beside-linux EXPECT "axvm-check: PASS"
  ARGS ${linux} --append "console=ttyS0 quiet axvm.batch axvm.cpus=2" --second ${payloads}/hostile.bin --second-vcpus 2)
