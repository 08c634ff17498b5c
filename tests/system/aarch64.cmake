# SPDX-License-Identifier: BSD-2-Clause
set(guests ${PROJECT_SOURCE_DIR}/build/guests/aarch64)
set(payloads ${PROJECT_SOURCE_DIR}/build/aarch64/tests/guest)
set(linux --arch aarch64 --kernel ${guests}/linux --initrd ${guests}/initrd.gz)

# vCPUs, host CPUs, CPU model, VHE.
function(axvm_aarch64_linux_test vcpus host_cpus cpu vhe)
  axvm_linux_check_test(aarch64.linux.${vcpus}-vcpu.${host_cpus}-cpu.${cpu}.vhe-${vhe} ${vcpus} ${host_cpus} ttyAMA0
    --cpu ${cpu} --vhe ${vhe})
endfunction()

axvm_aarch64_linux_test(1 1 cortex-a57 off)
axvm_aarch64_linux_test(2 2 cortex-a57 off)
axvm_aarch64_linux_test(2 2 neoverse-n1 on)
axvm_aarch64_linux_test(2 1 neoverse-n1 off)
axvm_aarch64_linux_test(4 2 neoverse-n1 on)
axvm_aarch64_linux_test(4 1 cortex-a57 off)
axvm_aarch64_linux_test(2 2 max on)
axvm_aarch64_linux_test(4 2 max off)

# RAM that is there only when it is touched.
axvm_system_test(aarch64.linux.first-touch EXPECT "axvm-check: PASS"
  ARGS ${linux} --touch --append "console=ttyAMA0 quiet axvm.batch axvm.cpus=2")

# PSCI SYSTEM_RESET, and up again: the line appears once per boot.
axvm_system_test(aarch64.linux.reboots EXPECT "axvm-check: rebooting"
  ARGS ${linux} --allow-reset --expect-count 3 --append "console=ttyAMA0 quiet axvm.reboot")

# The machine's own real-time clock, at another address, with its interrupt; and the same without it in the config.
axvm_system_test(aarch64.linux.passthrough-rtc EXPECT "axvm-check: rtc ok"
  ARGS ${linux} --passthrough /pl031@9010000@0a010000 --append "console=ttyAMA0 quiet axvm.rtc")

# The host checks its HAL first, its own CPU state around each run, and at the end that the VM's memory has come back.
foreach(variant "neoverse-n1;on;" "neoverse-n1;on;guest-regs" "cortex-a57;off;guest-regs" "max;off;")
  list(GET variant 0 cpu)
  list(GET variant 1 vhe)
  list(GET variant 2 word)
  set(words --host-arg hal-check --host-arg canary)
  set(name aarch64.host-unharmed.${cpu}.vhe-${vhe})
  if(word)
    list(APPEND words --host-arg ${word})
    string(APPEND name .${word})
  endif()
  axvm_system_test(${name} ARGS ${linux} ${words} --cpu ${cpu} --vhe ${vhe}
    --append "console=ttyAMA0 quiet axvm.batch axvm.cpus=2")
endforeach()

# U-Boot, executed in place at address 0, to its prompt.
axvm_system_test(aarch64.u-boot EXPECT "=> "
  ARGS --arch aarch64 --firmware /usr/lib/u-boot/qemu_arm64/u-boot.bin)

# What hostile-guest.md lists, tried by a guest that checks each answer; alone and beside a Linux that must not notice.
foreach(variant "neoverse-n1;on" "cortex-a57;off" "max;off")
  list(GET variant 0 cpu)
  list(GET variant 1 vhe)
  axvm_system_test(aarch64.hostile.${cpu}.vhe-${vhe} EXPECT "hostile: done 0"
    ARGS --arch aarch64 --kernel ${payloads}/hostile.bin --cpu ${cpu} --vhe ${vhe})
  # Instructions that have to be decoded, and a guest that debugs itself.
  foreach(guest insn debug)
    axvm_system_test(aarch64.${guest}.${cpu}.vhe-${vhe} EXPECT "${guest}: done 0"
      ARGS --arch aarch64 --kernel ${payloads}/${guest}.bin --vcpus 1 --cpu ${cpu} --vhe ${vhe})
  endforeach()
endforeach()
# CPUs that wait for each other, as long as it takes: on two CPUs and on one.
axvm_system_test(aarch64.wakes EXPECT "wakes: done 0" ARGS --arch aarch64 --kernel ${payloads}/wakes.bin --vcpus 4)
axvm_system_test(aarch64.wakes.1-cpu EXPECT "wakes: done 0"
  ARGS --arch aarch64 --kernel ${payloads}/wakes.bin --vcpus 4 --host-cpus 1 --cpu cortex-a57 --vhe off)
# Two that fill their registers and take turns on one CPU see nothing of each other, nor the host of them. Both lines end in "0".
foreach(variant "neoverse-n1;on" "cortex-a57;off" "max;on" "max;off")
  list(GET variant 0 cpu)
  list(GET variant 1 vhe)
  axvm_system_test(aarch64.leak.${cpu}.vhe-${vhe} EXPECT "done 0"
    ARGS --arch aarch64 --kernel ${payloads}/leak.bin --vcpus 1 --mem 64M --append leak.a --second ${payloads}/leak.bin
         --second-mem 64M --second-append leak.b --host-cpus 1 --cpu ${cpu} --vhe ${vhe} --host-arg canary --expect-count 2)
endforeach()
axvm_system_test(aarch64.hostile.beside-linux EXPECT "axvm-check: PASS"
  ARGS ${linux} --append "console=ttyAMA0 quiet axvm.batch axvm.cpus=2" --second ${payloads}/hostile.bin --second-vcpus 2)
