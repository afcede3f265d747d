<#
.SYNOPSIS
Removes LlamaGate. Settings and data stay, for the next installation, unless -Purge is said.
#>
param([switch]$Yes, [switch]$Purge)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2
. (Join-Path $PSScriptRoot 'places.ps1')

if (-not (Test-Path $Folder)) {
    Write-Host 'LlamaGate is not installed here.'
    exit 0
}
if (-not $Yes -and -not [Console]::IsInputRedirected) {
    $what = if ($Purge) { 'with all settings, keys, accounts and records' } else { '(settings and data stay)' }
    if ((Read-Host "Remove LlamaGate ${what}? [no]") -notlike 'y*') { exit 1 }
}

Stop-LlamaGate
Unregister-ScheduledTask -TaskName $Task -Confirm:$false -ErrorAction SilentlyContinue
Remove-Item $StartMenu, $AtLogon -ErrorAction SilentlyContinue
[Environment]::SetEnvironmentVariable('Path', ((Get-UserPath) -join ';'), 'User')
Set-Location $env:TEMP # Windows removes no folder that somebody stands in
if ($Purge) {
    Remove-Item $Folder, $Data -Recurse -Force -ErrorAction SilentlyContinue
    Write-Host 'LlamaGate is gone, with its settings and data.'
} else {
    Get-ChildItem $Folder -Force | Where-Object { $Settings -notcontains $_.Name } | Remove-Item -Recurse -Force
    Write-Host "LlamaGate is gone. Its settings are still in $Folder, its data in $Data."
}
