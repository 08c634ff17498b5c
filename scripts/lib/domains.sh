# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# How the example host is told of its guests, where machines have device trees: images in memory, and nodes under
# /chosen that describe them, in the convention of Xen's dom0less:
#
#     domU0 {
#         compatible = "xen,domain";  #address-cells = <2>;  #size-cells = <2>;
#         cpus = <2>;  memory = <0 0x80000>;  vpl011;           // memory in KiB
#         module@4a000000 { compatible = "multiboot,kernel", "multiboot,module"; reg = <...>; bootargs = "..."; };
#         module@4c000000 { compatible = "multiboot,ramdisk", "multiboot,module"; reg = <...>; };
#     };
#
# Ours beside it: a module "axvm,firmware" is executed in place at guest address 0; axvm,touch backs RAM on first touch;
# axvm,passthrough lists nodes of the host's tree, axvm,passthrough-gpa where the guest sees each (all ones: same place).
# Where a boot loader loads the images (x86_64), modules have axvm,module = <N>, and the host fills in reg.

domains_dts=         # the nodes so far, as device tree source
domains_count=0
domains_next=        # the next free address for an image
domains_loaders=()   # the QEMU arguments that put the images in memory
domains_files=()     # the images, where a boot loader loads them; the host's own tree is number 0
domains_memory_mib=0 # RAM of all guests

# domains_start ADDRESS: images are placed from there upwards.
domains_start() {
    domains_dts='' domains_count=0 domains_next=$1 domains_loaders=() domains_files=() domains_memory_mib=0
}

# A number of 64 bits as the two cells of a device tree.
dts_cells() {
    printf '0x%x 0x%x' $(($1 >> 32 & 0xffffffff)) $(($1 & 0xffffffff))
}

# A string as device tree source.
dts_string() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# dts_module FILE COMPATIBLE [BOOTARGS]: place a file in memory and describe it. Where a boot loader does that, its number.
dts_module() {
    local file=$1 size address=$domains_next
    size=$(stat -L -c %s -- "$file")
    ((size > 0)) || die "$file is empty"
    # 2 MiB, so that a host may map the image itself with blocks.
    domains_next=$((address + ((size + 0x1fffff) & ~0x1fffff)))
    if [[ ${ARCH_NUMBERS_MODULES:-} ]]; then
        domains_files+=("$file")
        domains_dts+="
        module@${#domains_files[@]} {
            axvm,module = <${#domains_files[@]}>;"
    else
        # A comma in a QEMU option's value is doubled.
        domains_loaders+=(-device "loader,file=${file//,/,,},addr=0x$(printf %x "$address"),force-raw=on")
        domains_dts+="
        module@$(printf %x "$address") {
            reg = <$(dts_cells "$address") $(dts_cells "$size")>;"
    fi
    domains_dts+="
            compatible = \"$2\", \"multiboot,module\";"
    if [[ ${3:-} ]]; then
        domains_dts+="
            bootargs = $(dts_string "$3");"
    fi
    domains_dts+='
        };'
}

# dts_passthrough TREE PATH[@ADDRESS]...: both properties, from nodes that have to be in the host's tree.
dts_passthrough() {
    local tree=$1 item path gpa paths='' gpas=''
    shift
    for item in "$@"; do
        path=$item gpa=$((-1))
        if ! has_node "$tree" "$path"; then
            path=${item%@*}
            [[ $item == *@* && ${item##*@} =~ ^(0[xX])?[0-9a-fA-F]{1,16}$ ]] && has_node "$tree" "$path" ||
                die "the machine has no device ${item}" "Its nodes: $(fdtget -l "$tree" / | sed 's,^,/,' | tr '\n' ' ')"
            gpa=${item##*@}
            gpa=$((16#${gpa#0[xX]}))
        fi
        paths+="${paths:+, }$(dts_string "$path")"
        gpas+=" $(dts_cells "$gpa")"
    done
    domains_dts+="
        axvm,passthrough = $paths;
        axvm,passthrough-gpa = <$gpas>;"
}

has_node() {
    [[ $2 == /* ]] && fdtget -p "$1" "$2" >/dev/null 2>&1
}

# domain_open CPUS MIB: begin a guest. Modules and properties follow, then domain_close.
domain_open() {
    domains_memory_mib=$((domains_memory_mib + $2))
    domains_dts+="
    domU$domains_count {
        compatible = \"xen,domain\";
        #address-cells = <2>;
        #size-cells = <2>;
        cpus = <$1>;
        memory = <$(dts_cells $(($2 * 1024)))>;
        vpl011;"
    domains_count=$((domains_count + 1))
}

# domain_property NAME [STRING]: a property, without a value if none is given.
domain_property() {
    domains_dts+="
        $1${2:+ = $(dts_string "$2")};"
}

# domain_pin VCPUS CPUS: each on one CPU only.
domain_pin() {
    local i masks=
    for ((i = 0; i < $1; i++)); do
        masks+=" $(dts_cells $((1 << i % $2)))"
    done
    domains_dts+="
        axvm,pcpus = <$masks>;"
}

domain_close() {
    domains_dts+='
    };'
}

# domains_write TREE OUTPUT: the host's tree with the guests added.
domains_write() {
    {
        dtc -q -I dtb -O dts "$1"
        printf '/ { chosen {%s\n}; };\n' "$domains_dts"
    } | dtc -q -I dts -O dtb -o "$2" - || die "dtc could not add the guests to the machine's device tree"
}
