/* SPDX-License-Identifier: BSD-2-Clause */
void vcpu_run(void);
void vcpu_run(void)
{
}
