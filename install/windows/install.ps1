<#
.SYNOPSIS
Installs LlamaGate for you, or brings an installed one up to date: settings and data stay as they are.
.DESCRIPTION
It goes to %LOCALAPPDATA%\Programs\LlamaGate and needs no administrator's rights. From a checkout it needs
Python 3.11 or newer; with -Binary or -Url it needs nothing. uninstall.cmd takes it away again.
.PARAMETER Yes
Ask nothing, and take what the questions propose.
.PARAMETER Binary
Install this executable.
.PARAMETER Url
Download the executable; it is checked against -Sha256, or against the SHA256SUMS that lies beside it.
.PARAMETER Logon
yes or no: start it when you sign in, without being asked.
#>
param(
    [switch]$Yes,
    [string]$Binary,
    [string]$Url,
    [string]$Sha256,
    [ValidateSet('yes', 'no')][string]$Logon
)
$ErrorActionPreference = 'Stop'
Set-StrictMode -Version 2
. (Join-Path $PSScriptRoot 'places.ps1')
$New = "$Folder.new"
$Old = "$Folder.old"

function Read-Answer([string]$Question, [string]$Proposal) {
    if ($Yes -or [Console]::IsInputRedirected) { return $Proposal }
    $answer = Read-Host "$Question [$Proposal]"
    if ($answer) { $answer } else { $Proposal }
}

function Find-Ollama([string]$Address) {
    if (Get-Command ollama -ErrorAction SilentlyContinue) { return $true }
    try {
        Invoke-WebRequest "$Address/api/version" -UseBasicParsing -TimeoutSec 3 | Out-Null
        return $true
    } catch {
        return $false
    }
}

function Save-Download([string]$To) {
    # Windows PowerShell 5 would else offer the server only TLS 1.0.
    [Net.ServicePointManager]::SecurityProtocol = [Net.SecurityProtocolType]::Tls12
    $ProgressPreference = 'SilentlyContinue' # drawing it takes longer than the download
    Write-Host "Downloading $Url"
    Invoke-WebRequest $Url -OutFile $To -UseBasicParsing
    $sum = $Sha256
    if (-not $sum) {
        $name = $Url.Substring($Url.LastIndexOf('/') + 1)
        $sums = $Url.Substring(0, $Url.LastIndexOf('/')) + '/SHA256SUMS'
        $text = (New-Object Net.WebClient).DownloadString($sums)
        if ($text -notmatch "(?m)^([0-9a-f]{64})  $([regex]::Escape($name))\r?$") {
            throw "$sums does not name $name. Say the sum with -Sha256."
        }
        $sum = $Matches[1]
    }
    $found = (Get-FileHash $To -Algorithm SHA256).Hash.ToLowerInvariant()
    if ($found -ne $sum.ToLowerInvariant()) { throw "$Url has the sum $found, not $sum." }
}

function Copy-Checkout {
    $checkout = (Resolve-Path (Join-Path $PSScriptRoot '..\..')).Path
    if (-not (Test-Path (Join-Path $checkout 'llamagate.py'))) {
        throw 'This is not a checkout of LlamaGate. Name the executable with -Binary FILE or -Url URL.'
    }
    Copy-Item (Join-Path $checkout 'llamagate.py'), (Join-Path $checkout 'LICENSE') $New
    Copy-Item (Join-Path $checkout '_llamagate') $New -Recurse
    & (Join-Path $checkout 'scripts\windows\environment.cmd') runtime "$New\venv"
    if ($LASTEXITCODE -ne 0) { throw 'What LlamaGate needs could not be installed.' }
    $launcher = '@"%~dp0venv\Scripts\python.exe" "%~dp0llamagate.py" %*'
    Set-Content (Join-Path $New 'llamagate.cmd') $launcher -Encoding ASCII
}

function Write-Settings([string]$Ollama) {
    foreach ($name in $Settings) {
        $kept = Join-Path $Folder $name
        if (Test-Path $kept) { Copy-Item $kept $New }
    }
    $file = Join-Path $New '.env'
    if (Test-Path $file) {
        Write-Host 'Settings: kept as they are'
        return
    }
    $ollama = Read-Answer 'Where does Ollama listen?' $Ollama
    $port = Read-Answer 'On which port shall LlamaGate listen?' '8080'
    $lines = @(
        "# LlamaGate's settings. ``llamagate config`` shows all of them and what is in force."
        "OLLAMA_HOST=$ollama"
        "PORT=$port"
        '# 127.0.0.1 serves this machine only, 0.0.0.0 everybody who can reach it.'
        'HOST=127.0.0.1'
        "LOG_FILE=$Data\llamagate.log"
    )
    if ((Read-Answer 'Shall callers need a key?' 'yes') -like 'y*') {
        $bytes = New-Object byte[] 24
        [Security.Cryptography.RandomNumberGenerator]::Create().GetBytes($bytes)
        $lines += 'API_KEY=sk-' + [BitConverter]::ToString($bytes).Replace('-', '').ToLowerInvariant()
    }
    [IO.File]::WriteAllLines($file, $lines) # UTF-8 without a mark
}

function New-Shortcut([string]$At, [string]$Program, [string]$Window) {
    $shortcut = (New-Object -ComObject WScript.Shell).CreateShortcut($At)
    $shortcut.TargetPath = $Program
    $shortcut.WorkingDirectory = $Folder
    $shortcut.WindowStyle = if ($Window -eq 'small') { 7 } else { 1 }
    $shortcut.Save()
}

function Register-Logon([string]$Program) {
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().Name
    $hidden = "-NoProfile -WindowStyle Hidden -Command `"& '$($Program.Replace("'", "''"))'`""
    $action = New-ScheduledTaskAction -Execute 'powershell.exe' -Argument $hidden -WorkingDirectory $Folder
    $trigger = New-ScheduledTaskTrigger -AtLogOn -User $user
    $limits = New-ScheduledTaskSettingsSet -ExecutionTimeLimit ([TimeSpan]::Zero) -AllowStartIfOnBatteries `
        -DontStopIfGoingOnBatteries -RestartCount 3 -RestartInterval (New-TimeSpan -Minutes 1)
    try {
        Register-ScheduledTask -TaskName $Task -Action $action -Trigger $trigger -Settings $limits -Force | Out-Null
        Start-ScheduledTask -TaskName $Task
    } catch {
        # Some administrators keep the Task Scheduler to themselves.
        New-Shortcut $AtLogon $Program 'small'
        Write-Host 'The Task Scheduler refused; a shortcut in your Startup folder starts it at the next sign-in.'
    }
}

$ollama = if ($env:OLLAMA_HOST) { $env:OLLAMA_HOST } else { 'http://localhost:11434' }
if (Find-Ollama $ollama) {
    Write-Host 'Ollama: found.'
} else {
    Write-Host "Ollama: not found at $ollama. LlamaGate can be installed first; it will find Ollama once that runs."
    Write-Host '        To get Ollama: https://ollama.com/download'
}

# Everything is made ready and tried in a folder beside the final one, so that a failure changes nothing.
try {
    if ((Test-Path $Old) -and -not (Test-Path $Folder)) { Move-Item $Old $Folder }
    Remove-Item $New, $Old -Recurse -Force -ErrorAction SilentlyContinue
    New-Item $New -ItemType Directory | Out-Null
    $name = 'llamagate.exe'
    if ($Url) {
        Save-Download (Join-Path $New $name)
    } elseif ($Binary -or (Test-Path (Join-Path $PSScriptRoot $name))) {
        # An unpacked release has the executable beside this script.
        if (-not $Binary) { $Binary = Join-Path $PSScriptRoot $name }
        Copy-Item $Binary (Join-Path $New $name)
    } else {
        $name = 'llamagate.cmd'
        Copy-Checkout
    }
    foreach ($file in 'uninstall.cmd', 'uninstall.ps1', 'places.ps1') {
        Copy-Item (Join-Path $PSScriptRoot $file) $New
    }
    $version = & (Join-Path $New $name) --version
    if ($LASTEXITCODE -ne 0) { throw 'The new program does not run on this machine.' }
    Write-Settings $ollama
    Stop-LlamaGate
    if (Test-Path $Folder) { Move-Item $Folder $Old }
    Move-Item $New $Folder
} catch {
    if (Test-Path $Old) {
        Remove-Item $Folder -Recurse -Force -ErrorAction SilentlyContinue
        Move-Item $Old $Folder
    }
    Remove-Item $New -Recurse -Force -ErrorAction SilentlyContinue
    Write-Host "install.ps1: $($_.Exception.Message) Nothing was changed."
    exit 1
}
Remove-Item $Old -Recurse -Force -ErrorAction SilentlyContinue

$program = Join-Path $Folder $name
[Environment]::SetEnvironmentVariable('Path', ((Get-UserPath) + $Folder -join ';'), 'User')
New-Shortcut $StartMenu $program 'normal'
if (-not $Logon) { $Logon = Read-Answer 'Shall LlamaGate start when you sign in?' 'yes' }
if ($Logon -like 'y*') { Register-Logon $program }

Write-Host "Installed: $version, in $Folder"
Write-Host "Settings:  $Folder\.env (the key is in there)"
Write-Host 'Start it:  LlamaGate in the Start menu, or llamagate in a new window'
Write-Host 'Look at it: llamagate doctor'
Write-Host "Remove it: $Folder\uninstall.cmd"
