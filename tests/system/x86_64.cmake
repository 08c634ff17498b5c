# SPDX-License-Identifier: BSD-2-Clause
# svm is QEMU, vmx is Bochs: there a Linux takes half a minute and more.
set(guests ${PROJECT_SOURCE_DIR}/build/guests/x86_64)
set(payloads ${PROJECT_SOURCE_DIR}/build/x86_64/tests/guest)
set(linux --arch x86_64 --kernel ${guests}/linux --initrd ${guests}/initrd.gz)

file(WRITE ${CMAKE_CURRENT_BINARY_DIR}/module "a multiboot module")

# A payload: one for each thing that a guest may stumble over, in the order in which to look at them.
function(axvm_x86_64_payload_test name payload expect)
  axvm_system_test(x86_64.${name} EXPECT ${expect} ARGS --arch x86_64 --kernel ${payloads}/${payload}.bin ${ARGN})
endfunction()

axvm_x86_64_payload_test(hello hello "hello: done" --append cpus=2)
axvm_x86_64_payload_test(hello.x2apic hello "hello: done" --append "x2apic cpus=4" --vcpus 4 --host-cpus 1)
axvm_x86_64_payload_test(hello.8-vcpu hello "hello: done" --append cpus=8 --vcpus 8 --host-arg canary)
axvm_x86_64_payload_test(hello.multiboot-module hello "hello: module of 18 bytes, sum 6, a command line" --append cpus=1
  --module "${CMAKE_CURRENT_BINARY_DIR}/module=a command line")
axvm_x86_64_payload_test(hello.pvh-module hello-pvh "hello: module of 18 bytes, sum 6, a command line" --append cpus=1
  --module "${CMAKE_CURRENT_BINARY_DIR}/module=a command line")
axvm_x86_64_payload_test(hello.pvh hello-pvh "hello: by PVH: cpus=1" --append cpus=1)
axvm_x86_64_payload_test(hello.qemu64 hello "hello: done" --append cpus=2 --cpu qemu64,+svm,+npt)
axvm_x86_64_payload_test(hello.epyc hello "hello: done" --append cpus=2 --cpu EPYC,+svm,+npt)
axvm_x86_64_payload_test(hello.opteron-g5 hello "hello: done" --append cpus=2 --cpu Opteron_G5)
# Two vCPUs on one CPU, and the one that spins with interrupts off, and exits all the time, waits for the other.
axvm_x86_64_payload_test(hello.vmx.1-cpu hello "hello: done" --append "x2apic cpus=2" --cpu vmx --host-cpus 1)
axvm_x86_64_payload_test(hello.vmx hello "hello: done" --append "x2apic cpus=2" --cpu vmx --host-arg canary)
axvm_x86_64_payload_test(hello.vmx.haswell hello "hello: done" --append cpus=2 --cpu bochs:corei7_haswell_4770)
axvm_x86_64_payload_test(hello.ryzen hello "hello: done" --append "x2apic cpus=2" --cpu bochs:ryzen --host-arg canary)

# As test kernels for QEMU come up, and end.
axvm_x86_64_payload_test(kernel kernel "kernel: MiB 300, cpus 1" --vcpus 1 --mem 300M)
axvm_x86_64_payload_test(insn insn "insn: done 0" --test-device)
axvm_x86_64_payload_test(insn.vmx insn "insn: done 0" --test-device --cpu vmx)
axvm_x86_64_payload_test(kernel.8-vcpu kernel "vm0 powered off" --vcpus 8)
axvm_x86_64_payload_test(kernel.nmi kernel "kernel: rounds in which an NMI was lost 0" --vcpus 2)
axvm_x86_64_payload_test(kernel.ryzen kernel "kernel: rounds in which an NMI was lost 0" --cpu bochs:ryzen)
axvm_x86_64_payload_test(kernel.vmx kernel "kernel: rounds in which an NMI was lost 0" --cpu vmx)

# vCPUs, host CPUs; words for the host.
axvm_linux_words_test(x86_64 "" 1 1)
axvm_linux_words_test(x86_64 "" 2 1)
axvm_linux_words_test(x86_64 "" 2 2)
axvm_linux_words_test(x86_64 "" 4 2)
axvm_linux_words_test(x86_64 .canary 2 2 canary hal-check)

axvm_system_test(x86_64.linux.first-touch EXPECT "axvm-check: PASS"
  ARGS ${linux} --touch --append "console=ttyS0 quiet axvm.batch axvm.cpus=2")

axvm_system_test(x86_64.linux.pv-clock EXPECT "axvm-check: PASS"
  ARGS ${linux} --pv-clock --append "console=ttyS0 quiet axvm.batch axvm.cpus=2")

# ACPI's reset register, and up again: the line appears once per boot.
axvm_system_test(x86_64.linux.reboots EXPECT "axvm-check: rebooting"
  ARGS ${linux} --allow-reset --expect-count 3 --append "console=ttyS0 quiet axvm.reboot")

axvm_system_test(x86_64.linux.vmx TIMEOUT 600 EXPECT "axvm-check: PASS"
  ARGS ${linux} --cpu vmx --host-cpus 1 --touch --append "console=ttyS0 quiet axvm.batch axvm.cpus=2")

# The machine's second serial port and its HPET: an edge- and a level-triggered interrupt. Linux finds the port by ACPI.
axvm_x86_64_payload_test(passthrough-com2 com2 " ok" --passthrough /isa/serial@2f8)
axvm_x86_64_payload_test(passthrough-hpet hpet " ok" --passthrough /hpet@fed00000 --append level)
axvm_x86_64_payload_test(no-passthrough com2 "com2: there is none")
axvm_system_test(x86_64.linux.passthrough-com2 EXPECT "ttyS1 at I/O 0x2f8"
  ARGS ${linux} --passthrough /isa/serial@2f8 --append "console=ttyS0")
axvm_system_test(x86_64.linux.passthrough-hpet EXPECT "Switched to clocksource hpet"
  ARGS ${linux} --passthrough /hpet@fed00000 --append "console=ttyS0 clocksource=hpet")

# Interrupt controllers, with the CPU behind them.
axvm_x86_64_payload_test(apic apic "apic: done 0" --vcpus 2)
axvm_x86_64_payload_test(apic.1-cpu apic "apic: done 0" --vcpus 2 --host-cpus 1)
axvm_x86_64_payload_test(apic.vmx apic "apic: done 0" --vcpus 2 --cpu vmx)
axvm_x86_64_payload_test(apic.vmx.no-apicv apic "apic: done 0" --vcpus 2 --cpu vmx --host-arg no-apicv)
# CPUs that wait for each other, as long as it takes: on two CPUs and on one.
axvm_x86_64_payload_test(wakes wakes "wakes: done 0" --append cpus=4 --vcpus 4)
axvm_x86_64_payload_test(wakes.1-cpu wakes "wakes: done 0" --append "cpus=4 x2apic" --vcpus 4 --host-cpus 1)
# Interrupts delivered by the CPU, which Bochs has wrong where one of the host's comes at a bad moment: not for long.
axvm_x86_64_payload_test(hello.vmx.trust-apicv hello "hello: done" --append "x2apic cpus=2" --cpu vmx --host-arg trust-apicv)

# What hostile-guest.md lists, tried by a guest that checks each answer; alone and beside a Linux that must not notice.
axvm_x86_64_payload_test(hostile hostile "hostile: done 0" --vcpus 2)
axvm_x86_64_payload_test(hostile.canary hostile "hostile: done 0" --vcpus 2 --host-arg canary)
axvm_system_test(x86_64.hostile.vmx TIMEOUT 600 EXPECT "hostile: done 0"
  ARGS --arch x86_64 --kernel ${payloads}/hostile.bin --vcpus 2 --cpu vmx --append strict --host-arg canary)
axvm_system_test(x86_64.hostile.beside-linux EXPECT "axvm-check: PASS"
  ARGS ${linux} --append "console=ttyS0 quiet axvm.batch axvm.cpus=2" --second ${payloads}/hostile.bin --second-vcpus 2)

# A guest that debugs itself: single steps and breakpoints over what exits, NMIs, exceptions without end, storms of INIT and SIPI.
axvm_x86_64_payload_test(debug debug "debug: done 0" --vcpus 4)
axvm_x86_64_payload_test(debug.ryzen debug "debug: done 0" --vcpus 4 --cpu bochs:ryzen --append "strict bochs-svm" --host-arg canary)
axvm_x86_64_payload_test(debug.vmx debug "debug: done 0" --vcpus 4 --cpu vmx --append strict --host-arg canary)
# Its triple fault is not the machine's.
foreach(cpu svm bochs:ryzen vmx)
  string(REPLACE ":" "-" name ${cpu})
  axvm_x86_64_payload_test(debug.triple-fault.${name} debug "SYSTEM_CRASH on vcpu0: code 0x7f" --vcpus 1 --cpu ${cpu} --append triple)
endforeach()

# The date is that of the machine's own clock, and the paravirtual wall clock's, too.
axvm_x86_64_payload_test(date date "date: 2028-02-29 12:" --vcpus 1 -- -rtc base=2028-02-29T12:00:00)
axvm_x86_64_payload_test(date.pv-clock date "date: both clocks agree" --vcpus 1 --pv-clock -- -rtc base=2028-02-29T12:00:00)
axvm_x86_64_payload_test(steal.pair steal "steal: done 0" --pv-clock --host-cpus 1)

# Memtest86+, by Linux' boot protocol, to its first screen on the serial line.
axvm_system_test(x86_64.memtest EXPECT "Memtest86+"
  ARGS --arch x86_64 --kernel /boot/memtest86+x64.bin --vcpus 1 --append "console=ttyS0,115200")

# U-Boot's ROM for QEMU's PC, which gets along without PCI: to its prompt.
axvm_system_test(x86_64.u-boot EXPECT "=> "
  ARGS --arch x86_64 --firmware /usr/lib/u-boot/qemu-x86_64/u-boot.rom --vcpus 1)

# Registers that another VM on the same CPU has filled.
foreach(cpu svm bochs:ryzen vmx)
  string(REPLACE ":" "-" name ${cpu})
  axvm_system_test(x86_64.leak.${name} TIMEOUT 600 EXPECT "done 0"
    ARGS --arch x86_64 --kernel ${payloads}/leak.bin --vcpus 1 --mem 64M --append first --second ${payloads}/leak.bin
         --second-mem 64M --second-append second --host-cpus 1 --cpu ${cpu} --host-arg canary --expect-count 2)
endforeach()

# Each byte of x87, SSE and AVX for every subset of them in use, while another VM takes turns on the CPU. (qemu64 has no XSAVE.)
foreach(cpu svm qemu64,+svm,+npt bochs:ryzen vmx)
  string(REGEX REPLACE "[:,].*" "" name ${cpu})
  axvm_system_test(x86_64.xsave.${name} TIMEOUT 600 EXPECT "done 0"
    ARGS --arch x86_64 --kernel ${payloads}/xsave.bin --vcpus 1 --mem 64M --append first --second ${payloads}/xsave.bin
         --second-mem 64M --second-append second --host-cpus 1 --cpu ${cpu} --expect-count 2)
endforeach()

# From the reset vector: real mode, the PIC's interrupts, protected mode and back.
foreach(cpu svm vmx bochs:ryzen)
  string(REPLACE ":" "-" name ${cpu})
  axvm_system_test(x86_64.firmware.${name} EXPECT "firmware: done"
    ARGS --arch x86_64 --firmware ${payloads}/firmware.bin --vcpus 1 --cpu ${cpu})
endforeach()

# Hardware task switches: SVM leaves them to the CPU, VMX to us.
foreach(cpu svm vmx)
  axvm_x86_64_payload_test(task.${cpu} task "task: done 0" --vcpus 1 --touch --cpu ${cpu})
endforeach()
