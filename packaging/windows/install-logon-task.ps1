<#
.SYNOPSIS
    Starts the mirror whenever this user logs on, and again when it ends.
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File packaging\windows\install-logon-task.ps1 -Program C:\Narcissus\narcissus.exe
.EXAMPLE
    powershell -ExecutionPolicy Bypass -File packaging\windows\install-logon-task.ps1 -Remove
#>
param(
    # The program beside this script, as in the archive, or the one that was built.
    [string]$Program = ('narcissus.exe', '..\..\target\release\narcissus.exe' | ForEach-Object { Join-Path $PSScriptRoot $_ } |
        Where-Object { Test-Path $_ } | Select-Object -First 1),
    [string]$Arguments = 'mirror --kiosk',
    [switch]$Remove
)
$ErrorActionPreference = 'Stop'
$name = 'Narcissus'

if ($Remove) {
    Unregister-ScheduledTask -TaskName $name -Confirm:$false
    Write-Output "$name no longer starts by itself."
    exit
}

$program = (Resolve-Path $Program).Path
$log = Join-Path $env:LOCALAPPDATA 'narcissus.log'
$user = "$env:USERDOMAIN\$env:USERNAME"
$action = New-ScheduledTaskAction -Execute $program -Argument "$Arguments --log `"$log`"" -WorkingDirectory (Split-Path $program)
$trigger = New-ScheduledTaskTrigger -AtLogOn -User $user
# Interactive, so that its window is on the screen; no time limit; started again a minute after it ended, as often as it takes.
$principal = New-ScheduledTaskPrincipal -UserId $user -LogonType Interactive -RunLevel Limited
$settings = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -MultipleInstances IgnoreNew `
    -RestartCount 999 -RestartInterval (New-TimeSpan -Minutes 1) -AllowStartIfOnBatteries -DontStopIfGoingOnBatteries
Register-ScheduledTask -TaskName $name -Action $action -Trigger $trigger -Principal $principal -Settings $settings -Force | Out-Null
Start-ScheduledTask -TaskName $name
Write-Output "$name starts whenever $user logs on. Log: $log"
